"""A table of expressions: what somebody's upper face did, or is to do, as ARKit tells it.

Read are the CSV files of Live Link Face, any CSV whose columns are named after ARKit's
coefficients (a MediaPipe landmarker's, say), and JSON:

    {"fps": 60, "frames": [{"browInnerUp": 0.4, "eyeBlinkLeft": 0.1, …}, …]}
    {"fps": 60, "names": ["browInnerUp", …], "frames": [{"weights": [0.4, …]}, …]}

or the list of frames alone. A frame may hold its `time` in seconds.
"""

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.clock import FPS
from audioplane.errors import ExpressionError
from audioplane.subject.expression import COLUMNS, controls

_LOOKS = ("In", "Out", "Up", "Down")
_YAW, _PITCH = math.radians(30), math.radians(17)
"""Angle of an eye whose coefficient is 1: measured on MediaPipe's (docs/decisions/subject.md)."""
_TIMES = {"time": 1.0, "timestamp": 1.0, "seconds": 1.0, "timestampms": 1e-3, "timems": 1e-3}
"""Names of columns with the time, and their unit in seconds."""
_TIMECODE = "timecode"
_RATES = (24, 25, 30, 48, 50, 60, 120)
_STRONGEST = 2.0
"""Coefficients beyond which a file is of another kind: percents, say."""
_LONGEST = 90_000
"""Most rows at 25 a second: an hour."""
_SHORT = 5 * FPS
"""Rows up to which a table is a pose of the face, told from ARKit's neutral; a longer one is told
from its own median, since a face at rest has no coefficients of 0."""
_CLOSED, _EACH = 0.4, 10 * FPS
"""A table blinks if in each stretch of so many rows a lid is so much more closed than usual."""
_TELLS = ("brow", "brow", "brow", "eyeBlink", "eyeBlink", "quint", "gaze", "gaze")
"""What a table's columns are named that tell one of `CONTROLS`."""
_BAD_TABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    csv.Error,
)
"""What reading raises for another kind of file."""
_FORMAT = "docs/expressions.md describes such a file"


@dataclass(frozen=True)
class ExpressionTable:
    """Expressions at 25 a second."""

    changes: Float32[np.ndarray, "t 8"]
    """`CONTROLS`, from the face at rest."""
    told: Bool[np.ndarray, "8"]
    """Which of them the table tells."""


def read_expression_table(path: Path | str) -> ExpressionTable:
    """Read a table of expressions, at any rate.

    Lids count as told where the table blinks: a face must not forget to.

    Raises:
        ExpressionError: It is missing or no such table, or holds a number that no coefficient has.
    """
    path = Path(path)
    try:
        read = _read_json if path.suffix.lower() == ".json" else _read_csv
        times, named = read(path)
    except _BAD_TABLE as e:
        raise ExpressionError(
            f"{path} is no table of expressions ({type(e).__name__}: {e}): {_FORMAT}"
        ) from e
    if not named:
        raise ExpressionError(f"{path} names no coefficient of ARKit's upper face: {_FORMAT}")
    values = np.stack(list(named.values()), 1)
    wrong = ~(np.abs(values) <= _STRONGEST).all(1)  # NaN is wrong
    if wrong.any():
        raise ExpressionError(
            f"{path} holds a number in row {np.argmax(wrong)} that no coefficient has (0 to 1): "
            f"{_FORMAT}"
        )
    rows = controls(_at_25(path, times, _columns(named)))
    told = np.array([any(part in name for name in named) for part in _TELLS])
    rest = np.median(rows, 0) if len(rows) > _SHORT else np.zeros(rows.shape[1])
    changes = (rows - rest).astype(np.float32)
    told[3:5] &= _blinks(changes[:, 3:5])
    return ExpressionTable(changes, told)


def _blinks(lids: Float[np.ndarray, "t 2"]) -> bool:
    """Whether lids close every few seconds."""
    closed = lids.max(1) > _CLOSED
    parts = np.array_split(closed, max(1, len(closed) // _EACH))
    return all(part.any() for part in parts)


def _columns(named: Mapping[str, np.ndarray]) -> Float[np.ndarray, "t 17"]:
    """Rows of `COLUMNS`, 0 where nothing is told; the eyes' coefficients as angles."""
    n = len(next(iter(named.values())))
    rows = np.zeros((n, len(COLUMNS)))
    for i, name in enumerate(COLUMNS):
        rows[:, i] = named.get(name, 0.0)
    look = {name: named.get(f"gaze{name}", np.zeros(n)) for name in _looks()}
    right = look["InRight"] - look["OutRight"] + look["OutLeft"] - look["InLeft"]
    down = look["DownRight"] - look["UpRight"] + look["DownLeft"] - look["UpLeft"]
    rows[:, -2:] += np.stack([_YAW * right / 2, _PITCH * down / 2], 1)
    return rows


def _looks() -> list[str]:
    return [way + side for way in _LOOKS for side in ("Left", "Right")]


def _known() -> dict[str, str]:
    """Names of what is used, lower case → as `_columns` takes it."""
    known = {name.lower(): name for name in COLUMNS if not name.startswith("gaze")}
    return known | {f"eyelook{name}".lower(): f"gaze{name}" for name in _looks()}


def _read_csv(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Seconds of the rows, and columns that are used."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file, skipinitialspace=True) if row]
    header = [_plain(name) for name in rows[0]] if rows else []
    short = next((i for i, row in enumerate(rows[1:]) if len(row) < len(header)), len(rows))
    rows = rows[: short + 1]  # recordings that were cut off end in half a line
    if len(rows) < 2:
        raise ValueError("it has no rows")
    known, named = _known(), {}
    for i, name in enumerate(header):
        if name in known:
            named[known[name]] = np.array([float(row[i]) for row in rows[1:]])
    return _times(header, rows[1:]), named


def _plain(name: str) -> str:
    return re.sub(r"[\s_()]", "", name).lower()


def _times(header: list[str], rows: list[list[str]]) -> np.ndarray:
    for i, name in enumerate(header):
        if name in _TIMES:
            return _TIMES[name] * np.array([float(row[i]) for row in rows])
        if name == _TIMECODE:
            return _timecodes([row[i] for row in rows])
    return np.arange(len(rows)) / FPS


def _timecodes(codes: list[str]) -> np.ndarray:
    """Seconds of codes hours:minutes:seconds:frames; the rate is the least that numbers so many
    frames a second."""
    parts = np.array([[float(x) for x in re.split("[:;]", code)] for code in codes])
    if parts.shape[1] != 4:
        raise ValueError(f"timecode {codes[0]!r}")
    most = math.floor(parts[:, 3].max())
    rate = next((rate for rate in _RATES if rate > most), None)
    if rate is None:
        raise ValueError(f"timecode with frame {most}")
    return parts[:, :3] @ [3600, 60, 1] + parts[:, 3] / rate


def _read_json(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As `_read_csv`."""
    data = json.loads(path.read_text(encoding="utf-8-sig"))
    facts: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    frames = facts["frames"] if facts else data
    if not isinstance(frames, Sequence) or not frames:
        raise ValueError("it holds no frames")
    names = facts.get("names") or facts.get("blendshape_names") or []
    told = [_frame(frame, names) for frame in frames]
    known = _known()
    used = {name for frame in told for name in frame if _plain(name) in known}
    named = {
        known[_plain(name)]: np.array([float(frame.get(name, 0.0)) for frame in told])
        for name in used
    }
    times = [frame.get("time") if isinstance(frame, Mapping) else None for frame in frames]
    if all(isinstance(time, int | float) for time in times):
        return np.array(times, float), named
    rate = float(facts.get("fps", facts.get("metadata", {}).get("fps", FPS)))
    if not 1 <= rate <= 240:
        raise ValueError(f"fps of {rate:g}")
    return np.arange(len(told)) / rate, named


def _frame(frame: Any, names: Sequence[str]) -> Mapping[str, Any]:
    """Coefficients of one frame by name."""
    if isinstance(frame, Mapping):
        for key in ("weights", "blendshapes"):
            if key in frame:
                return _frame(frame[key], names)
        return frame
    if names and len(frame) == len(names):
        return dict(zip(names, frame, strict=True))
    # MediaPipe's categories.
    return {(c.get("categoryName") or c["category_name"]): c["score"] for c in frame}


def _at_25(
    path: Path, times: Float[np.ndarray, " t"], rows: Float[np.ndarray, "t k"]
) -> Float[np.ndarray, "u k"]:
    """Rows at the middle of every frame of 40 ms, linear between those of the table."""
    since = times - times[0]
    if not (np.isfinite(since).all() and (np.diff(since) >= 0).all()):
        raise ExpressionError(f"{path} holds times that do not rise: {_FORMAT}")
    n = max(1, round((since[-1] + (since[-1] / (len(since) - 1) if len(since) > 1 else 0)) * FPS))
    if n > _LONGEST:
        raise ExpressionError(f"{path} is longer than {_LONGEST // FPS // 60} minutes: cut it")
    at = (np.arange(n) + 0.5) / FPS
    return np.stack([np.interp(at, since, column) for column in rows.T], 1)
