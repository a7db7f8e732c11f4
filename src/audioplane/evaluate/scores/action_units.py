"""Errors of facial expression: action units and blendshapes, upper and lower face apart.

AUE, as TalkingGaussian's auerror.py computes it: sum over OpenFace's action units of the mean
squared difference of their intensities, 0 to 5. Needs OpenFace's tables of both videos. BSE, our
own, is the same of MediaPipe's blendshapes, 0 to 1: it compares with other BSE, never with AUE.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.errors import MediaError
from audioplane.face.landmarker import BLENDSHAPES

UPPER_UNITS = (1, 2, 4, 5, 6, 7, 9, 45)
LOWER_UNITS = (10, 12, 14, 15, 17, 20, 23, 25, 26)
UNITS = UPPER_UNITS + LOWER_UNITS
_UPPER_PARTS = ("brow", "eyeBlink", "eyeSquint", "eyeWide", "cheekSquint", "noseSneer")
_LOWER_PARTS = ("jaw", "mouth", "cheekPuff")
UPPER_SHAPES, LOWER_SHAPES = (
    tuple(i for i, name in enumerate(BLENDSHAPES) if name.startswith(parts))
    for parts in (_UPPER_PARTS, _LOWER_PARTS)
)
"""Blendshapes by their index; gaze belongs to neither, as with OpenFace's units."""
_MOMENT = 0.5
"""Point of its interval at which a frame is sampled, as in `media.video.read_frames`."""
_SLOWEST = 10.0
"""Seconds a row, on average, beyond which a table is of no video."""


@dataclass(frozen=True)
class ExpressionErrors:
    """Summed mean squared differences to the true face; None where unknown."""

    bse_upper: float | None = None
    """Of blendshapes: brows, eyelids, nose."""
    bse_lower: float | None = None
    """Of blendshapes: jaw, lips, cheeks."""
    aue_upper: float | None = None
    """AUE-U."""
    aue_lower: float | None = None
    """AUE-L."""


def summed_error(
    rendered: Float[np.ndarray, "t u"], true: Float[np.ndarray, "t u"], columns: Sequence[int]
) -> float:
    """Σ over some columns of the mean over frames of (rendered − true)²."""
    rows = list(columns)
    return float(np.square(rendered[:, rows] - true[:, rows]).mean(0).sum())


def blendshape_errors(
    rendered: Float[np.ndarray, "t 52"], true: Float[np.ndarray, "t 52"]
) -> ExpressionErrors:
    """BSE of the same frames of two videos; empty without a frame."""
    if not len(true):
        return ExpressionErrors()
    upper, lower = (summed_error(rendered, true, c) for c in (UPPER_SHAPES, LOWER_SHAPES))
    return ExpressionErrors(upper, lower)


def action_unit_errors(
    rendered: Float[np.ndarray, "t 17"], true: Float[np.ndarray, "t 17"]
) -> tuple[float, float]:
    """AUE-U and AUE-L of the same frames, columns as in `UNITS`."""
    edge = len(UPPER_UNITS)
    upper, lower = range(edge), range(edge, len(UNITS))
    return summed_error(rendered, true, upper), summed_error(rendered, true, lower)


def read_openface(path: Path, fps: int = 25) -> Float[np.ndarray, "t 17"]:
    """Intensities of `UNITS` at a fixed rate out of OpenFace's table of a video; NaN in frames
    where it found no face.

    Sampled by the table's time stamps as `read_frames` samples the video.

    Raises `MediaError` if the file cannot be read or is no such table.
    """
    names = [f"AU{unit:02d}_r" for unit in UNITS]
    try:
        with Path(path).open(newline="") as file:
            rows = [row for row in csv.reader(file, skipinitialspace=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise MediaError(f"{path} cannot be read ({e}): give OpenFace's csv of the video") from e
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in ("timestamp", *names) if name not in header]
    if missing or len(rows) < 2:
        lacks = f"column {missing[0]}" if missing else "rows"
        raise MediaError(f"{path} has no {lacks}: give OpenFace's csv of the video (-aus)")
    columns = [header.index(name) for name in ("timestamp", *names)]
    success = header.index("success") if "success" in header else None
    try:
        table = np.array([[float(row[c]) for c in columns] for row in rows[1:]])
        failed = [success is not None and float(row[success]) == 0 for row in rows[1:]]
    except (ValueError, IndexError) as e:
        raise MediaError(f"{path} holds a damaged row ({e}): run OpenFace again") from e
    stamps = table[:, 0]
    whole = np.isfinite(table).all() and (stamps[1:] >= stamps[:-1]).all()
    if not whole or float(stamps[-1]) - float(stamps[0]) > _SLOWEST * len(stamps):
        raise MediaError(f"{path} holds times or intensities of no video: run OpenFace again")
    times, values = stamps - stamps[0], table[:, 1:]
    values[failed] = np.nan
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 1 / fps
    count = max(1, round((times[-1] + usual) * fps))
    moments = (np.arange(count) + _MOMENT) / fps
    return values[np.searchsorted(times, moments, side="right") - 1]
