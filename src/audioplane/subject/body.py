"""`body.npy`: the rigid motion of the torso, one transform a frame of the video, row = `img_id`."""

import io
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.assets import write_atomically
from audioplane.errors import SubjectError
from audioplane.subject.rows import load_rows

_FARTHEST = 100.0
"""Metres that no body moves."""
_ROTATION_TOLERANCE = 1e-3
"""Of the entries of R Rᵀ against the identity."""


def save_body(path: Path, body: Float[np.ndarray, "n 4 4"]) -> None:
    """Write through a temporary name; NaN where a frame has none."""
    data = io.BytesIO()
    np.save(data, body.astype(np.float32), allow_pickle=False)
    with write_atomically(path) as partial:
        partial.write_bytes(data.getvalue())


def load_body(path: Path) -> Float[np.ndarray, "n 4 4"]:
    """The rows of the file as float64; NaN where a frame has none.

    Raises `SubjectError` where it is damaged: another shape, a row that is no rigid transform, or
    no row that is the identity, which the reference frame's is.
    """
    body = load_rows(path)
    if fault := _fault(body):
        raise SubjectError(f"{path} is damaged ({fault}): delete it, and it is made again")
    return np.array(body, np.float64)


def reference_row(body: Float[np.ndarray, "n 4 4"]) -> int:
    """`img_id` of the frame that the motion counts from: the first row that is the identity.

    Where several are, each would do: from all of them the body has moved by the same.
    """
    return int(np.argmax((body == np.eye(4)).all((1, 2))))


def _fault(body: np.ndarray) -> str:
    """What no tracker would write; empty where all is well."""
    if body.ndim != 3 or body.shape[1:] != (4, 4) or body.dtype.kind != "f":
        return f"{body.dtype} of shape {body.shape}"
    known = ~np.isnan(body).all((1, 2))
    rows = body[known].astype(np.float64)
    rotation = rows[:, :3, :3]
    square = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    sound = (np.abs(rows) <= _FARTHEST).all((1, 2)) & (square <= _ROTATION_TOLERANCE)
    sound &= (np.linalg.det(rotation) > 0) & (rows[:, 3] == (0, 0, 0, 1)).all(1)
    if not sound.all():
        return f"frame {np.flatnonzero(known)[np.argmin(sound)]} has no rigid transform"
    if not (rows == np.eye(4)).all((1, 2)).any():
        return "no frame that the motion counts from"
    return ""
