"""`expression.npy`: the expression of the upper face, one row a frame of the video, row = `img_id`.

Expressions are told by coefficients of ARKit's set, which MediaPipe's landmarker knows too, and by
the direction of the eyes in the head. A head is driven by eight numbers made of them (`CONTROLS`).
"""

import io
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from audioplane.assets import write_atomically
from audioplane.errors import SubjectError
from audioplane.subject.rows import load_rows

SHAPES: tuple[str, ...] = tuple(
    """
    browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight
    cheekSquintLeft cheekSquintRight eyeBlinkLeft eyeBlinkRight
    eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight noseSneerLeft noseSneerRight
    """.split()
)
"""Coefficients of ARKit, 0 to 1; left and right are the person's own."""
GAZE = ("gazeYaw", "gazePitch")
"""Direction of the eyes in the head, radians: to the image's right and down."""
COLUMNS = SHAPES + GAZE

CONTROLS = (
    "inner brows",
    "image-left brow",
    "image-right brow",
    "image-left lid",
    "image-right lid",
    "squint",
    "gaze yaw",
    "gaze pitch",
)
"""What a head is driven by: brows −1 lowered to 1 raised, lids −1 wide open to 1 closed, squint 0
to 1, gaze in radians."""
BLINK = 2
"""Numbers of an expression that is no more than `Subject.blink`."""
LIDS, EYES = slice(3, 5), slice(6, 8)
"""Of `CONTROLS`."""
STILL = (0.1, 0.1, 0.1, 0.2, 0.2, 0.15, 0.1, 0.1)
"""Half widths below which a control counts as still (`ExpressionCode.learn_range`)."""

_LARGEST = 2.0
"""Coefficients and radians beyond which no tracker goes."""


def controls(rows: Float[np.ndarray, "*t 17"]) -> Float[np.ndarray, "*t 8"]:
    """`CONTROLS` of rows of `COLUMNS`.

    A cheek or a nose that is drawn up narrows the eyes: they count as squint.
    """
    at = {name: rows[..., i] for i, name in enumerate(COLUMNS)}
    down = {side: at[f"browDown{side}"] for side in ("Left", "Right")}
    up = {side: at[f"browOuterUp{side}"] - down[side] for side in down}
    lid = {side: at[f"eyeBlink{side}"] - at[f"eyeWide{side}"] for side in down}
    drawn = [at[f"{name}{side}"] for name in ("cheekSquint", "noseSneer") for side in down]
    squint = (at["eyeSquintLeft"] + at["eyeSquintRight"] + sum(drawn)) / 2
    inner = at["browInnerUp"] - (down["Left"] + down["Right"]) / 2
    columns = (inner, up["Right"], up["Left"], lid["Right"], lid["Left"], squint)
    return np.stack([*columns, at["gazeYaw"], at["gazePitch"]], -1).astype(np.float32)


def upright(rotations: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 3 3"]:
    """Views' rotations from axes x right, y down, z away from the camera, where they are not so:
    prior work's heads have y up and z towards the camera."""
    flipped = np.diag([1.0, -1.0, -1.0])
    mean = rotations.mean(0)
    return rotations if np.trace(mean) > np.trace(mean @ flipped) else rotations @ flipped


def to_camera(views: Float[np.ndarray, "n 4 4"]) -> Float[np.ndarray, "n 2"]:
    """Direction of the camera from the head, as gaze is told: yaw and pitch, radians."""
    away = -np.einsum("nji,nj->ni", upright(views[:, :3, :3]), views[:, :3, 3])
    x, y, z = away.T
    return np.stack([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))], 1)


def without_gaps(rows: Float[np.ndarray, "n k"]) -> Float32[np.ndarray, "n k"]:
    """Rows that are NaN between others, linear in time; at the ends, the nearest; 0 if all are."""
    known = ~np.isnan(rows).any(1)
    if not known.any():
        return np.zeros(rows.shape, np.float32)
    at = np.arange(len(rows))
    columns = [np.interp(at, at[known], column[known]) for column in rows.T]
    return np.stack(columns, 1).astype(np.float32)


def save_expressions(path: Path, rows: Float[np.ndarray, "n 17"]) -> None:
    """Write `COLUMNS` through a temporary name; NaN where a frame has no expression."""
    data = io.BytesIO()
    np.save(data, rows.astype(np.float32), allow_pickle=False)
    with write_atomically(path) as partial:
        partial.write_bytes(data.getvalue())


def load_expressions(path: Path) -> Float32[np.ndarray, "n 17"]:
    """The rows of the file; NaN where a frame has none.

    Raises `SubjectError` where it is damaged: another shape, or numbers that no tracker writes.
    """
    rows = load_rows(path)
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS) or rows.dtype.kind != "f":
        fault = f"{rows.dtype} of shape {rows.shape}"
    elif not ((np.abs(rows) <= _LARGEST).all(1) | np.isnan(rows).all(1)).all():
        fault = "coefficients out of range"
    else:
        return np.array(rows, np.float32)
    raise SubjectError(f"{path} is damaged ({fault}): delete it, and it is made again")
