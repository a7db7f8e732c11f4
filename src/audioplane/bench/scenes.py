"""Seeded workloads: a head-shaped cloud of Gaussians and a head made of it."""

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.head import (
    BY_AUDIO,
    BY_EXPRESSION,
    DetailMap,
    Gaussians,
    Head,
    HeadShape,
    View,
)
from audioplane.head.detail import carried, seen_at, vertices
from audioplane.speech.kinds import DEFAULT_KIND, feature_kind

_RADII = (0.08, 0.11, 0.09)
"""Metres: half a head's width, height and depth."""
_DISTANCE = 0.8
_FOCAL = 1100 / 512
"""Share of the image's width."""
_SIGMA = 2.0
"""Pixels, in an image of 512."""


def cloud(n: int) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 4"], Float[Tensor, "n 3"]]:
    """Means on a thick shell, rotations, and scales of about two pixels at 512."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1)
    depth = 1 - 0.1 * torch.rand(n, 1, generator=generator)
    size = _SIGMA * _DISTANCE / (512 * _FOCAL)
    scales = size * torch.exp(0.3 * torch.randn(n, 3, generator=generator))
    return (
        directions * torch.tensor(_RADII) * depth,
        torch.randn(n, 4, generator=generator),
        scales,
    )


def view(size: int) -> View:
    """A square image that the cloud fills as a head does in a subject's frames."""
    viewmat = torch.eye(4)
    viewmat[2, 3] = _DISTANCE
    focal = _FOCAL * size
    K = torch.tensor([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    return View(viewmat, K, size, size)


def standard_scene(n: int, channels: int = 5) -> dict[str, Tensor]:
    """The arguments of `rasterize` that do not depend on the image's size."""
    generator = torch.Generator().manual_seed(1)
    means, quats, scales = cloud(n)
    return {
        "means": means,
        "quats": quats,
        "scales": scales,
        "opacities": 0.05 + 0.9 * torch.rand(n, generator=generator),
        "features": torch.rand(n, channels, generator=generator),
        "background": torch.rand(channels, generator=generator),
    }


def seeded_head(n: int, feature_dim: int = feature_kind(DEFAULT_KIND).size) -> Head:
    """A head as a trained one is built: speech moves the lower half of the face, the
    expression a strip at the eyes."""
    generator = torch.Generator().manual_seed(2)
    head = Head(HeadShape(feature_dim=feature_dim), generator)
    means, quats, scales = cloud(n)
    head.gaussians = Gaussians(
        means=means,
        quats=quats,
        log_scales=scales.log(),
        logits=2 * torch.randn(n, generator=generator),
        sh=0.3 * torch.randn(n, 4, 3, generator=generator),
    )
    front = means[:, 2] < 0
    speaks, expresses = front & (means[:, 1] > 0.02), front & (means[:, 1].abs() < 0.015)
    head.moved_by = torch.zeros(n, dtype=torch.uint8)
    head.moved_by[speaks], head.moved_by[expresses] = BY_AUDIO, BY_EXPRESSION
    head.low.copy_(-1.2 * torch.tensor(_RADII))
    head.high.copy_(1.2 * torch.tensor(_RADII))
    torch.nn.init.normal_(head.field.output.weight, std=0.05, generator=generator)
    return head.requires_grad_(False)


def seeded_detail(head: Head, seen: View) -> DetailMap:
    """A detail map over a whole image of a head; the eight Gaussians nearest in it carry a
    vertex."""
    generator = torch.Generator().manual_seed(4)
    points, places = seen_at(head.gaussians.means, seen), vertices(seen.height, seen.width)
    nearest = torch.cdist(places.view(-1, 2), points).topk(8, largest=False).indices
    carriers = nearest.int().view(*places.shape[:2], -1)
    weights = torch.full(carriers.shape, 1 / 8)
    size = seen.height, seen.width
    texture = torch.randint(-20, 20, size, generator=generator, dtype=torch.int8)
    return DetailMap(texture, carriers, weights, carried(points, carriers, weights))
