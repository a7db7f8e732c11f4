"""Blinks and expressions from `au.csv`, OpenFace's table of action units, as prior work uses it."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.errors import SubjectError
from audioplane.subject.expression import COLUMNS

_CLOSED = 2.0
"""Intensity of AU45 that counts as closed, on prior work's scale."""
_BLINK = 45
_MOST = 10.0
"""OpenFace's intensities run from 0 to 5."""
_LAST_FRAME = 10_000_000
_ENCODING = "utf-8-sig"
"""Tables that went through a spreadsheet begin with a byte order mark."""


_SHAPES_OF = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    6: ("cheekSquintLeft", "cheekSquintRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    45: ("eyeBlinkLeft", "eyeBlinkRight"),
}
"""ARKit's coefficients by action unit."""
_STRONGEST = 5.0
"""Intensity of the other units that counts as 1."""


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
    frames, columns = _read(path, ("AU45_r",))
    intensity = columns["AU45_r"]
    usable = np.abs(intensity) <= _MOST
    _require_most(path, usable, "no blinks", "AU45_r")
    wanted = np.arange(1, int(frames[-1]) + 1)
    closed = np.clip(intensity[usable], 0, _CLOSED) / _CLOSED
    return BlinkTable(
        np.interp(wanted, frames[usable], closed).astype(np.float32),
        tuple((frames[~usable] - 1).astype(int).tolist()),
    )


def read_expressions(path: Path) -> Float32[np.ndarray, "n 17"] | None:
    """Rows of `expression.COLUMNS` by `img_id`, gaze 0; NaN where a frame has none.

    Action units 1, 2, 4, 5, 6, 7 and 45 become the coefficients that mean the same on both sides.
    None where the table lacks one of them. Raises as `read_blinks` does.
    """
    names = {unit: f"AU{unit:02d}_r" for unit in _SHAPES_OF}
    if not set(names.values()) <= _header(path):
        return None
    frames, columns = _read(path, tuple(names.values()))
    usable = np.all([np.abs(column) <= _MOST for column in columns.values()], axis=0)
    _require_most(path, usable, "no expressions", "each of AU01_r to AU45_r")
    rows = np.full((int(frames[-1]), len(COLUMNS)), np.nan, np.float32)
    known = np.zeros((len(frames), len(COLUMNS)), np.float32)
    for unit, name in names.items():
        full = _CLOSED if unit == _BLINK else _STRONGEST
        for shape in _SHAPES_OF[unit]:
            known[:, COLUMNS.index(shape)] = np.clip(columns[name] / full, 0, 1)
    rows[frames[usable].astype(int) - 1] = known[usable]
    return rows


def _require_most(path: Path, usable: Bool[np.ndarray, " n"], lack: str, where: str) -> None:
    if 2 * usable.sum() <= len(usable):
        raise SubjectError(
            f"{path} has {lack}: {usable.sum()} of its {len(usable)} frames have a number in "
            f"{where}; run OpenFace again or remove it"
        )


def _table(file: Iterable[str]) -> csv.DictReader:
    """The rows by the columns' names, around which there may be spaces."""
    table = csv.DictReader(file, skipinitialspace=True)
    table.fieldnames = [name.strip() for name in table.fieldnames or ()]
    return table


def _header(path: Path) -> set[str]:
    """Names of the columns; none where the file cannot be read."""
    try:
        with path.open(newline="", encoding=_ENCODING) as file:
            return set(_table(file).fieldnames or ())
    except (OSError, ValueError, csv.Error):
        return set()


def _read(
    path: Path, names: tuple[str, ...]
) -> tuple[Float[np.ndarray, " n"], dict[str, Float[np.ndarray, " n"]]]:
    """Numbers of the frames that were seen, in order, and columns of theirs.

    Raises `SubjectError` where the table cannot be read.
    """
    try:
        with path.open(newline="", encoding=_ENCODING) as file:
            rows = list(_table(file))
        seen = [row for row in rows if float(row.get("success") or 1)]
        frames = np.array([float(row["frame"]) for row in seen])
        columns = {name: np.array([float(row[name]) for row in seen]) for name in names}
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
    return frames, {name: column[first] for name, column in columns.items()}
