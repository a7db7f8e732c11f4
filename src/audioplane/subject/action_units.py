"""Blinks from `au.csv`, OpenFace's table: action unit 45, as ER-NeRF and those after it use it."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane.errors import SubjectError

_CLOSED = 2.0
"""Intensity of AU45 that counts as closed; the peers' scale."""


def read_blinks(path: Path) -> Float32[np.ndarray, " n"]:
    """How far the eyes are closed, 0 to 1, by `img_id`; between rows where some are missing.

    OpenFace counts frames from 1, its header may hold spaces, and rows without `success` are not
    believed. Raises `SubjectError` where the table cannot be read.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
        seen = [row for row in rows if float(row.get("success") or 1)]
        frames = np.array([float(row["frame"]) for row in seen])
        intensity = np.array([float(row["AU45_r"]) for row in seen])
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as e:
        raise SubjectError(
            f"{path} is no table of OpenFace with 'frame' and 'AU45_r' ({e!r}): make it again or "
            "take it away"
        ) from e
    if not len(frames) or not np.isfinite(intensity).all():
        raise SubjectError(f"{path} knows no blinks: make it again or take it away")
    # Where two faces were seen the first row of a frame is the one that was followed.
    frames, first = np.unique(frames, return_index=True)
    wanted = np.arange(1, int(frames[-1]) + 1)
    closed = np.clip(intensity[first], 0, _CLOSED) / _CLOSED
    return np.interp(wanted, frames, closed).astype(np.float32)
