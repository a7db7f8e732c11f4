"""Plates that were decoded once: kept in a file that all workers map into their memory.

Decoding a torso and laying it over the background takes a quarter of a frame's time. The system
drops pages of the file where memory is short, and they are read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from audioplane.run import Footage
from audioplane.subject import FrameRef

MOST_BYTES = 1 << 30
"""Of one head: 55 s of footage at 512 x 512 pixels. Plates of longer footage are decoded anew."""


@dataclass(frozen=True)
class KeptPlates:
    """Footage whose plates are decoded once."""

    footage: Footage
    plates: UInt8[np.ndarray, "n h w 3"]
    """Shared between processes."""
    there: UInt8[np.ndarray, " n"]
    """Which of them are."""
    rows: dict[int, int]
    """By img_id."""

    @property
    def refs(self) -> Sequence[FrameRef]:
        return self.footage.refs

    @property
    def loop(self) -> Sequence[FrameRef]:
        return self.footage.loop

    @property
    def shots(self) -> Sequence[Sequence[FrameRef]]:
        return self.footage.shots

    @property
    def background(self) -> UInt8[np.ndarray, "h w 3"]:
        return self.footage.background

    @property
    def K(self) -> Float[np.ndarray, "3 3"]:
        return self.footage.K

    @property
    def size(self) -> tuple[int, int]:
        return self.footage.size

    def expression(self, ref: FrameRef) -> Float[np.ndarray, " e"]:
        return self.footage.expression(ref)

    def body(self, ref: FrameRef) -> Float[np.ndarray, "4 4"]:
        return self.footage.body(ref)

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"] | None:
        return self.footage.torso(ref)

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        row = self.rows.get(ref.img_id)
        if row is None:
            return self.footage.plate(ref)
        if not self.there[row]:
            self.plates[row] = self.footage.plate(ref)
            self.there[row] = 1
        return self.plates[row]


def with_kept_plates(footage: Footage, file: Path) -> Footage:
    """The same footage with plates in `file`, which is made; unchanged where they are too many."""
    rows = {ref.img_id: i for i, ref in enumerate(footage.refs)}
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
