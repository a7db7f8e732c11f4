"""Possible places of the mark's grid in an image, and their number."""

import math
from dataclasses import dataclass

from audioplane.mark.pattern import GRID

STEPS = 4
"""Positions in a cell, along each axis."""
_STRETCH = 1.0025
"""Ratio of successive sizes."""
SMALLEST, LARGEST = 0.7, 2.0
"""Size of a cell over that in a whole marked frame of the image's size: from a frame inside a
larger image to half a frame."""
_SIZES = math.ceil(math.log(LARGEST / SMALLEST) / math.log(_STRETCH))
MOST_ASPECT = 4
"""Steps of size by which width and height of a cell may differ: 1 %."""


@dataclass(frozen=True)
class Place:
    """One place of the grid in an image, out of a finite number."""

    across: int
    """Where the image's centre lies in the grid, 1/`STEPS` cells."""
    down: int
    size: int
    """Width of a cell is `SMALLEST` · 1.0025^size times that of a whole frame."""
    aspect: int = 0
    """Its height is 1.0025^aspect times the width."""

    def cell(self, nominal: float) -> tuple[float, float]:
        """Width and height of a cell, pixels; `nominal` is that of a whole frame."""
        width = nominal * SMALLEST * _STRETCH**self.size
        return width, width * _STRETCH**self.aspect

    def corner(self, nominal: float, width: int, height: int) -> tuple[float, float]:
        """Left and upper edge of the first cell in an image of `width` × `height` pixels."""
        across, down = self.cell(nominal)
        return width / 2 - self.across / STEPS * across, height / 2 - self.down / STEPS * down

    def moved(self, axis: int, by: int) -> "Place":
        """The place `by` steps along x, y, size or aspect (axis 0 to 3)."""
        values = [self.across, self.down, self.size, self.aspect]
        values[axis] += by
        values[2] = min(max(values[2], 0), _SIZES)
        values[3] = min(max(values[3], -MOST_ASPECT), MOST_ASPECT)
        return Place(*values)


def nearest(x: float, y: float, cell: float, nominal: float, size: tuple[int, int]) -> Place:
    """The place whose first cell begins closest to (x, y) and is `cell` wide, in pixels.

    `size` is the image's, width and height.
    """
    step = round(math.log(cell / nominal / SMALLEST) / math.log(_STRETCH))
    cell = nominal * SMALLEST * _STRETCH**step
    across, down = ((n / 2 - at) / cell * STEPS for n, at in zip(size, (x, y), strict=True))
    return Place(round(across), round(down), step)


def n_places(longer: float = 1.0) -> float:
    """The number of places in which the grid and an image overlap whose longer side is `longer`
    times the shorter one."""

    def along(side: float, cell: float) -> float:
        return (GRID + GRID * side / cell) * STEPS + 1

    aspects = 2 * MOST_ASPECT + 1
    lowest = _STRETCH**-MOST_ASPECT
    sizes = [SMALLEST * _STRETCH**k for k in range(_SIZES + 1)]
    return aspects * sum(along(1.0, size) * along(longer, size * lowest) for size in sizes)
