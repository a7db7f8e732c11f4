"""Poses corrected through the rasterizer's camera gradient.

A correction is a twist around the head's centre: viewmat' = viewmat · exp(ξ), ξ = (rotation,
translation) in the head's axes.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.head.body import follow_body
from audioplane.head.gaussians import Gaussians
from audioplane.head.head import splat_head
from audioplane.head.view import View

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


def refine_view(
    gaussians: Gaussians,
    view: View,
    target: Float[Tensor, "h w 3"],
    background: Float[Tensor, "3"],
    steps: int = 25,
    rate: float = 1e-3,
    body_weights: Float[Tensor, " n"] | None = None,
) -> View:
    """The view in which frozen Gaussians look most like an image, by L1.

    Args:
        gaussians: The deformed head.
        view: Where the search starts; on the CPU, as is the result.
        target: The head, or the person, over `background`, RGB from 0 to 1, on the Gaussians'
            device.
        background: One colour, likewise.
        steps: Of gradient descent (Adam).
        rate: Its learning rate.
        body_weights: Of a head with a body, whose pose is then refined too.

    It uses the image itself: figures made with such a view must say so.
    """
    still = torch.zeros(len(gaussians), device=gaussians.means.device)
    depth = float(view.viewmat[2, 3])
    of_head, of_body = (torch.zeros(6, requires_grad=True) for _ in range(2))
    adam = torch.optim.Adam([of_head, of_body], lr=rate)

    def corrected() -> View:
        moved = corrected_view(view.viewmat, of_head, depth / 4)
        body = None if view.body is None else corrected_view(view.body, of_body, depth / 4)
        return replace(view, viewmat=moved, body=body)

    for _ in range(steps):
        adam.zero_grad()
        now = corrected()
        placed = follow_body(gaussians, body_weights, now.viewmat, now.body)
        splat = splat_head(placed, still, now, background)
        (splat.image[..., :3] - target).abs().mean().backward()
        adam.step()
    with torch.no_grad():
        return corrected()
