"""The body's rigid frame beside the head's: Gaussians have a share of either.

The world's axes are fixed to the head, so a body that moves against the head moves in the world.
Its pose in a frame is a second camera: the view matrix V' in which the body stands as it stood in
the frame where both were one. Points of the body then move by B = V⁻¹V' in the world.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from audioplane.head import body_kernels
from audioplane.head.gaussians import Gaussians

CELLS = 24
"""Nodes a side of the grid of weights."""
_PER_CHUNK = 256
"""Gaussians that add up their share of the pose's gradient together, as in `body_kernels`."""


class BodyWeights(nn.Module):
    """How much the body moves a point, 0 (head) to 1 (body): a grid, so that it is smooth."""

    low: Tensor
    high: Tensor

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(CELLS, CELLS, CELLS))
        """By z, y and x."""
        self.register_buffer("low", -torch.ones(3))
        self.register_buffer("high", torch.ones(3))

    def nodes(self) -> Float[Tensor, "n n n 3"]:
        """Where the grid's nodes are, world units."""
        unit = torch.linspace(0, 1, CELLS, device=self.low.device)
        z, y, x = torch.meshgrid(unit, unit, unit, indexing="ij")
        return self.low + (self.high - self.low) * torch.stack([x, y, z], -1)

    def forward(self, means: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Weights at points, which get no gradient."""
        unit = 2 * (means.detach() - self.low) / (self.high - self.low) - 1
        sampled = nn.functional.grid_sample(
            self.logits[None, None],
            unit[None, None, None],
            padding_mode="border",
            align_corners=True,
        )
        return sampled.flatten().sigmoid()


def body_motion(
    viewmat: Float[Tensor, "4 4"], body: Float[Tensor, "4 4"]
) -> tuple[Float[Tensor, "3 4"], Float[Tensor, "3"]]:
    """(R − I, t) and the rotation vector of B = V⁻¹V', differentiable in both views."""
    turned = viewmat[:3, :3].T
    R = turned @ body[:3, :3]
    t = turned @ (body[:3, 3] - viewmat[:3, 3])
    motion = torch.cat([R - torch.eye(3, device=R.device), t[:, None]], 1)
    skew = torch.stack([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
    sine = (skew.square().sum() + 1e-12).sqrt()
    angle = torch.atan2(sine, (R.diagonal().sum() - 1) / 2)
    return motion, skew * (angle / sine)


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx, means, quats, weights, motion, rotation):
        ctx.save_for_backward(means, quats, weights, motion, rotation)
        out = torch.empty(means.shape), torch.empty(quats.shape)
        own, moved = _arrays(means, quats, weights), _arrays(motion, rotation)
        body_kernels.blend(own, moved, _arrays(*out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs):  # pyright: ignore[reportIncompatibleMethodOverride]
        saved = _arrays(*ctx.saved_tensors)
        own = tuple(torch.empty(x.shape) for x in saved[:3])
        pose = torch.empty(-(-len(own[0]) // _PER_CHUNK), 15)
        body_kernels.blend_backward(
            saved[:3], saved[3:], _arrays(*grad_outputs), _arrays(*own), pose.numpy()
        )
        summed = pose.sum(0)
        return *own, summed[:12].view(3, 4), summed[12:]


def _arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(x.detach().contiguous().numpy() for x in tensors)


def blend_torch(
    means: Float[Tensor, "n 3"],
    quats: Float[Tensor, "n 4"],
    weights: Float[Tensor, " n"],
    motion: Float[Tensor, "3 4"],
    rotation: Float[Tensor, "3"],
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 4"]]:
    """The kernels' forward pass in plain PyTorch, which a GPU runs."""
    moved = means + weights[:, None] * (means @ motion[:, :3].T + motion[:, 3])
    angle = (rotation.square().sum() + 1e-16).sqrt()
    half = weights * angle / 2
    axis = (half.sin() / angle)[:, None] * rotation
    real, imaginary = quats[:, :1], quats[:, 1:]
    turned = torch.cat(
        [
            half.cos()[:, None] * real - (axis * imaginary).sum(1, keepdim=True),
            half.cos()[:, None] * imaginary
            + real * axis
            + torch.linalg.cross(axis, imaginary, dim=1),
        ],
        1,
    )
    return moved, turned


def follow_body(
    gaussians: Gaussians,
    weights: Float[Tensor, " n"] | None,
    viewmat: Float[Tensor, "4 4"],
    body: Float[Tensor, "4 4"] | None,
) -> Gaussians:
    """Gaussians where they are in the head's world while the body stands as in its view.

    Those without weights, of a head alone, stay as they are. Gradients flow to Gaussians, weights
    and both views. Raises `ValueError` where there are weights and no body.
    """
    if weights is None:
        return gaussians
    if body is None:
        raise ValueError("a head with a body needs views that say where the body is")
    motion = (x.to(weights.device) for x in body_motion(viewmat, body))
    blend: Callable = _Blend.apply if weights.device.type == "cpu" else blend_torch
    means, quats = blend(gaussians.means, gaussians.quats, weights, *motion)
    return replace(gaussians, means=means, quats=quats)
