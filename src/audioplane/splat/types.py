"""The result of a rasterizer."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Splat:
    """One rendered image, with what density control needs."""

    image: Float[Tensor, "h w c"]
    """Blended features over the background."""
    alpha: Float[Tensor, "h w"]
    """Coverage, 0 to 1."""
    means2d: Float[Tensor, "n 2"]
    """Projected means, pixels; `means2d.retain_grad()` before `backward` gives their gradient."""
    radii: Float[Tensor, " n"]
    """Half the longer side of the box that a Gaussian can touch, pixels; 0 where not drawn."""
    visible: Bool[Tensor, " n"]
    """Gaussians that can touch the image."""
