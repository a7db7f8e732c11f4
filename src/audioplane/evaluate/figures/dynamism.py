"""Images of a head's Gaussians coloured by their dynamism d, from two sides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from audioplane.clock import spread_over
from audioplane.drive import Animator
from audioplane.head.gaussians import sh_colours
from audioplane.splat import rasterize
from audioplane.subject import FrameRef

TURN = 40.0
"""Degrees by which the second view is turned to the side."""
FRAMES = 16
"""Frames over which d is averaged."""
_POINT = 0.45
"""Factor on the Gaussians' sizes, so that single ones are seen."""
_PAPER = 0.96
_GREY, _CONTRAST, _RED = np.array([0.66, 0.68, 0.70]), 0.5, np.array([0.80, 0.06, 0.10])


@dataclass(frozen=True)
class DynamismView:
    """One image of the Gaussians."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]


@torch.no_grad()
def draw_dynamism(
    animator: Animator, codes: Float[Tensor, "t k"], refs: Sequence[FrameRef]
) -> list[DynamismView]:
    """Every Gaussian of the head, undeformed and small, coloured by its mean d over some frames.

    Args:
        animator: The head.
        codes: Speech, a row a frame.
        refs: The frames whose expressions go with the codes.
    """
    rows = spread_over(len(refs), FRAMES)
    d = torch.stack([animator.deformed(codes[i], refs[i])[1] for i in rows]).mean(0)
    view, g = animator.view(refs[len(refs) // 2]), animator.head.gaussians
    own = sh_colours(g.sh, g.means, view.viewmat.to(g.means))
    colours = _colours(d.cpu().numpy(), own.mean(1).cpu().numpy())
    views = []
    for name, degrees in (("from the camera", 0.0), (f"turned by {TURN:.0f} degrees", TURN)):
        turned = replace(view, viewmat=view.viewmat @ _about_y(np.radians(degrees)))
        splat = rasterize(
            g.means,
            g.quats,
            g.log_scales.exp() * _POINT,
            torch.full_like(g.logits, 0.95),
            torch.from_numpy(colours).to(g.means),
            turned.viewmat.to(g.means),
            turned.K.to(g.means),
            turned.width,
            turned.height,
            torch.full((3,), _PAPER).to(g.means),
        )
        image = (splat.image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        views.append(DynamismView(name, image))
    return views


def _colours(
    d: Float[np.ndarray, " n"], brightness: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n 3"]:
    """From grey (0) to red (1), RGB; the grey keeps a little of the face's shading."""
    still = _GREY + _CONTRAST * (np.clip(brightness, 0, 1)[:, None] - 0.5)
    return (still + d[:, None] * (_RED - still)).astype(np.float32)


def _about_y(angle: float) -> Float[Tensor, "4 4"]:
    """Turns the head about its own vertical axis."""
    turn = torch.eye(4)
    turn[0, 0] = turn[2, 2] = float(np.cos(angle))
    turn[0, 2], turn[2, 0] = float(np.sin(angle)), -float(np.sin(angle))
    return turn


def legend(width: int = 256) -> UInt8[np.ndarray, "h w 3"]:
    """The colours of d from 0 (left) to 1 (right)."""
    line = (_colours(np.linspace(0, 1, width), np.full(width, 0.5)) * 255).round().astype(np.uint8)
    return np.repeat(line[None], 12, axis=0)
