"""Random scenes in float64 for comparing rasterizers."""

from dataclasses import dataclass, fields

import torch


@dataclass
class Scene:
    means: torch.Tensor
    quats: torch.Tensor
    scales: torch.Tensor
    opacities: torch.Tensor
    features: torch.Tensor
    viewmat: torch.Tensor
    background: torch.Tensor | None

    def tensors(self):
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def as_type(self, dtype):
        """A differentiable copy."""
        copies = {
            k: None if v is None else v.detach().to(dtype).requires_grad_()
            for k, v in self.tensors().items()
        }
        return Scene(**copies)


def random_scene(seed, n=40, channels=4, background="pixel", size=(45, 37), spread=0.08):
    """A cloud 0.8 m before a camera of about 100 px focal length; some Gaussians lie behind it."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    def uniform(*shape):
        return torch.rand(*shape, generator=g, dtype=torch.float64)

    means = normal(n, 3) * spread
    if n > 8:
        means[0, 2] = -2.0
        means[1, :2] = torch.tensor([0.19, 0.0])
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, 3] = normal(3) * 0.01 + torch.tensor([0, 0, 0.8], dtype=torch.float64)
    axis = normal(3, 3) * 0.1
    viewmat[:3, :3] = torch.linalg.matrix_exp(axis - axis.T)
    backgrounds = {
        "pixel": uniform(size[1], size[0], channels),
        "constant": uniform(channels),
        "none": None,
    }
    return Scene(
        means=means,
        quats=normal(n, 4),
        scales=torch.exp(normal(n, 3) * 0.6 - 4.0),
        opacities=uniform(n) * 0.99,
        features=uniform(n, channels),
        viewmat=viewmat,
        background=backgrounds[background],
    )


def intrinsics(size, dtype):
    """Camera whose field of view holds the cloud."""
    width, height = size
    return torch.tensor([[110.0, 0, width / 2], [0, 110, height / 2], [0, 0, 1]], dtype=dtype)


HARD_CASES = [
    "behind",
    "tiny",
    "huge",
    "zero quaternion",
    "opaque stack",
    "equal depths",
    "transparent",
]


def hard_scene(change):
    """One of `HARD_CASES`: 30 Gaussians that are difficult for rasterizers."""
    scene = random_scene(7, 30)
    match change:
        case "behind":
            scene.means[:, 2] -= 1.5
        case "tiny":
            scene.scales[:] = 1e-6
        case "huge":
            scene.scales[:5] = 0.5
        case "zero quaternion":
            scene.quats[:10] = 0
        case "opaque stack":
            scene.opacities[:] = 1.0
            scene.means[:, :2] *= 0.2
        case "equal depths":
            scene.means[:] = scene.means[2].clone()
            scene.viewmat[:3, :3] = torch.eye(3)
        case "transparent":
            scene.opacities[:] = 0
    return scene
