"""Blinks from `au.csv`, OpenFace's table: action unit 45, as in ER-NeRF and later systems."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane.errors import SubjectError

_CLOSED = 2.0
"""Intensity of AU45 that counts as closed, on prior work's scale."""
_MOST = 10.0
"""OpenFace's intensities run from 0 to 5."""
_LAST_FRAME = 10_000_000


@dataclass(frozen=True)
class BlinkTable:
    """Blinks of a table."""

    closed: Float32[np.ndarray, " n"]
    """How far the eyes are closed, 0 to 1, by `img_id`."""
    unusable: tuple[int, ...]
    """`img_id` of the rows without a usable number, which were interpolated."""


def read_blinks(path: Path) -> BlinkTable:
    """Read the table; linear between rows where some are missing.

    OpenFace counts frames from 1, its header may hold spaces, and rows without `success` are
    ignored. Raises `SubjectError` where the table cannot be read, or most of it is unusable.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
        seen = [row for row in rows if float(row.get("success") or 1)]
        frames = np.array([float(row["frame"]) for row in seen])
        intensity = np.array([float(row["AU45_r"]) for row in seen])
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as e:
        raise SubjectError(
            f"{path} is not a table of OpenFace with 'frame' and 'AU45_r' ({e!r}): run OpenFace "
            "again or remove it"
        ) from e
    if not ((frames >= 1) & (frames <= _LAST_FRAME) & (frames % 1 == 0)).all():
        raise SubjectError(
            f"{path} holds numbers that no frame has: run OpenFace again or remove it"
        )
    # Where two faces were seen the first row of a frame is the one that was followed.
    frames, first = np.unique(frames, return_index=True)
    intensity = intensity[first]
    usable = np.abs(intensity) <= _MOST
    if 2 * usable.sum() <= len(frames):
        raise SubjectError(
            f"{path} has no blinks: {usable.sum()} of its {len(frames)} frames have a number in "
            "AU45_r; run OpenFace again or remove it"
        )
    wanted = np.arange(1, int(frames[-1]) + 1)
    closed = np.clip(intensity[usable], 0, _CLOSED) / _CLOSED
    return BlinkTable(
        np.interp(wanted, frames[usable], closed).astype(np.float32),
        tuple((frames[~usable] - 1).astype(int).tolist()),
    )
