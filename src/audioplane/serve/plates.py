"""Plates that were decoded once: kept in a file that all workers map into their memory.

Decoding a torso and laying it over the background takes a quarter of a frame's time. The system
drops pages of the file where memory is short, and they are read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from audioplane.run import Footage
from audioplane.run.footage import FootageLike
from audioplane.subject import FrameRef

MOST_BYTES = 1 << 30
"""Of one head: 55 s at 512 x 512 pixels. Plates of more are decoded anew."""


@dataclass(frozen=True)
class KeptPlates(FootageLike):
    """Footage whose plates are decoded once."""

    plates: UInt8[np.ndarray, "n h w 3"]
    """Shared between processes."""
    there: UInt8[np.ndarray, " n"]
    """Which of them are."""
    rows: dict[int, int]
    """By img_id."""

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        row = self.rows.get(ref.img_id)
        if row is None:
            return self.recorded.plate(ref)
        if not self.there[row]:
            self.plates[row] = self.recorded.plate(ref)
            self.there[row] = 1
        return self.plates[row]


def with_kept_plates(footage: Footage, shown: Sequence[FrameRef], file: Path) -> Footage:
    """The same footage with the plates of `shown` frames in `file`, which is made; unchanged where
    they are too many, or all the background."""
    if footage.torso(shown[0]) is None:
        return footage
    rows = {ref.img_id: i for i, ref in enumerate(shown)}
    width, height = footage.size
    shape = (len(rows), height, width, 3)
    if int(np.prod(shape)) > MOST_BYTES:
        return footage
    file.parent.mkdir(parents=True, exist_ok=True)
    plates = _mapped(file, shape)
    there = _mapped(file.with_suffix(".there"), (len(rows),))
    return KeptPlates(footage, plates, there, rows)


def _mapped(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A file of zeros, sparse, or the one that another process made."""
    with file.open("ab") as made:
        made.truncate(int(np.prod(shape)))
    return np.memmap(file, np.uint8, "r+", shape=shape)
