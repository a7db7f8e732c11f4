"""Patches of a picture, for losses that are too slow for the whole of it."""

import torch
from jaxtyping import Float
from torch import Tensor

Patches = Float[Tensor, "count side side 3"]


def random_patches(
    render: Float[Tensor, "h w 3"],
    target: Float[Tensor, "h w 3"],
    size: int,
    count: int,
    generator: torch.Generator,
) -> tuple[Patches, Patches]:
    """Squares cut from the same random places of both pictures, all places being as likely.

    Args:
        render, target: The pictures.
        size: Side of a square, pixels; min(h, w) where a picture is smaller.
        count: How many of them; they may overlap.
        generator: Says where.

    Returns:
        The squares of the render, through which gradients flow back, and those of the target.
    """
    height, width = render.shape[:2]
    side = min(size, height, width)

    def starts(room: int) -> list[int]:
        places = torch.randint(room, (count,), generator=generator, device=generator.device)
        return places.tolist()

    places = list(zip(starts(height - side + 1), starts(width - side + 1), strict=True))

    def cut(picture: Tensor) -> Tensor:
        return torch.stack([picture[y : y + side, x : x + side] for y, x in places])

    return cut(render), cut(target)
