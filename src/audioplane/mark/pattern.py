"""The mark's pattern: a grid of cells that brighten and darken, each at its own phase.

The shorter side of a frame holds 64 cells; the grid repeats along the longer one. A cell's value is
a complex number of modulus 1, and a frame at second t shows the real part of value · exp(−πi t) of
it: every cell brightens and darkens once in two seconds, and the strength is constant over time. A
third of the cells are the sync: public, the same in every installation. The others carry the
payload, in an order that follows from a key.

The image itself is still or moves; little of it has a period of two seconds.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float

from audioplane.mark.code import CODED_BITS, PAYLOAD_BYTES, encode

GRID = 64
"""Cells along the shorter side of a frame, and the period of the grid."""
RATE = 0.5
"""Turns a second of every cell."""
_PUBLIC = b"audioplane mark 1"
_COPIES = 7
"""Cells that carry the same bit of the code: with 7 (there is room for 10) a mark becomes too
weak to be read about where it becomes too weak to be found."""
_SYNC_CELLS = GRID * GRID - _COPIES * CODED_BITS


@dataclass(frozen=True)
class MarkPayload:
    """The 64 bits of a mark."""

    head: int
    """First 32 bits of the head file's SHA-256."""
    session: int
    """32 random bits, drawn for every video or stream."""

    def to_bytes(self) -> bytes:
        """Eight bytes, the head's first."""
        return self.head.to_bytes(4, "big") + self.session.to_bytes(4, "big")

    @staticmethod
    def from_bytes(data: bytes) -> "MarkPayload":
        """The inverse of `to_bytes`."""
        if len(data) != PAYLOAD_BYTES:
            raise ValueError(f"a payload has {PAYLOAD_BYTES} bytes, not {len(data)}")
        return MarkPayload(int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big"))


def _stream(seed: bytes, what: str, n: int) -> np.ndarray:
    """`n` pseudo-random 64-bit numbers from a hash, because later versions must get the same."""
    data = hashlib.shake_256(seed + b"\0" + what.encode()).digest(8 * n)
    return np.frombuffer(data, "<u8")


def _quarter_turns(seed: bytes, what: str, n: int) -> Complex64[np.ndarray, " n"]:
    return np.array([1, 1j, -1, -1j], np.complex64)[_stream(seed, what, n) % 4]


def _order() -> np.ndarray:
    """All cells in a fixed random order; the sync's come first."""
    return np.argsort(_stream(_PUBLIC, "cells", GRID * GRID), kind="stable")


def sync_cells() -> Complex64[np.ndarray, "64 64"]:
    """The public part of the grid; 0 where the payload's cells are."""
    cells = np.zeros(GRID * GRID, np.complex64)
    cells[_order()[:_SYNC_CELLS]] = _quarter_turns(_PUBLIC, "sync", _SYNC_CELLS)
    return cells.reshape(GRID, GRID)


def _carriers(key: bytes) -> tuple[np.ndarray, Complex64[np.ndarray, "bits copies"]]:
    """The cells that carry each bit of the code, and the value of each for a 1."""
    n = CODED_BITS * _COPIES
    places = _order()[_SYNC_CELLS:][np.argsort(_stream(key, "places", n), kind="stable")]
    shape = (CODED_BITS, _COPIES)
    return places.reshape(shape), _quarter_turns(key, "carriers", n).reshape(shape)


def payload_cells(payload: MarkPayload, key: bytes) -> Complex64[np.ndarray, "64 64"]:
    """The keyed part of the grid; 0 where the sync's cells are."""
    places, carriers = _carriers(key)
    cells = np.zeros(GRID * GRID, np.complex64)
    cells[places] = carriers * encode(payload.to_bytes(), key)[:, None]
    return cells.reshape(GRID, GRID)


def read_bits(
    cells: Complex64[np.ndarray, "64 64"], key: bytes
) -> Float[np.ndarray, f"{CODED_BITS}"]:
    """Evidence for each bit of the code in cells that were read; positive for a 1."""
    places, carriers = _carriers(key)
    return np.real(cells.ravel()[places] * carriers.conj()).sum(1)
