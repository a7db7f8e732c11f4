"""Poses that are refined through the rasterizer's camera gradient.

A correction is a twist around the head's centre: viewmat' = viewmat · exp(ξ), ξ = (rotation,
translation) in the head's axes.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from audioplane.head import Gaussians, View, splat_head
from audioplane.train.picture_loss import on_one_colour
from audioplane.train.row_adam import RowAdam

_ROTATION_UNIT = 0.3
"""Radians of one unit of a correction's rotation; a translation's unit is the head's width."""


def corrected_view(
    viewmat: Float[Tensor, "4 4"], correction: Float[Tensor, "6"], head_width: float
) -> Float[Tensor, "4 4"]:
    """A view matrix moved by a small correction, differentiable in both."""
    x, y, z = (correction[:3] * _ROTATION_UNIT).unbind()
    zero = torch.zeros_like(x)
    rotation = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    twist = torch.cat([rotation, head_width * correction[3:, None]], 1)
    return viewmat @ torch.linalg.matrix_exp(torch.cat([twist, twist.new_zeros(1, 4)]))


class PoseTable:
    """Corrections of all training frames and their optimiser.

    On the CPU always: a GPU takes longer to start work on six numbers than it would save.
    """

    def __init__(self, n: int):
        self.corrections = torch.zeros(n, 6, requires_grad=True)
        self.corrections.grad = torch.zeros_like(self.corrections)
        self.touched = torch.zeros(n, dtype=torch.uint8)
        self.adam = RowAdam(self.corrections, self.touched)

    def row(self, i: int) -> Float[Tensor, "6"]:
        """One frame's correction; its gradient lands in the table."""
        self.touched[i] = 1
        return self.corrections[i]

    @torch.no_grad()
    def centre(self) -> None:
        """Remove the mean correction: the head as a whole shall not wander."""
        self.corrections -= self.corrections.mean(0)


def refine_view(
    gaussians: Gaussians,
    view: View,
    image: UInt8[np.ndarray, "h w 3"],
    head: Bool[np.ndarray, "h w"],
    steps: int = 25,
    rate: float = 1e-3,
) -> Float[Tensor, "4 4"]:
    """The view that shows frozen Gaussians most like a frame, by L1 over the head's pixels.

    `view` and the result lie on the CPU, wherever the Gaussians do.
    The frame itself is looked at: figures made with such a view are to say so.
    """
    device = gaussians.means.device
    grey = torch.full((3,), 0.5, device=device)
    target = on_one_colour(image, head, grey)
    still = torch.zeros(len(gaussians), device=device)
    depth = float(view.viewmat[2, 3])
    correction = torch.zeros(6, requires_grad=True)
    adam = torch.optim.Adam([correction], lr=rate)
    for _ in range(steps):
        adam.zero_grad()
        viewmat = corrected_view(view.viewmat, correction, depth / 4)
        splat = splat_head(gaussians, still, replace(view, viewmat=viewmat), grey)
        (splat.image[..., :3] - target).abs().mean().backward()
        adam.step()
    return corrected_view(view.viewmat, correction.detach(), depth / 4)
