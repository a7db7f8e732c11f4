"""`transforms_{train,val}.json`: cameras of the frames, as the AD-NeRF family writes them.

On disk a pose is camera→world with OpenGL axes (x right, y up, z back); in memory it is
world→camera with OpenCV axes (x right, y down, z forward).
"""

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.assets import write_text
from audioplane.errors import SubjectError

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
_ROTATION_TOLERANCE = 0.01
"""Tolerance of R Rᵀ against the identity; published files stay under 1e-4."""
_FARTHEST = 1000.0
"""Metres from a camera to the head."""
_MOST_FRAMES = 10_000_000
"""Frames of 110 hours."""


@dataclass(frozen=True)
class FrameRef:
    """One frame of a subject: the names of its files and its camera."""

    img_id: int
    """Names the files of the frame; not its row."""
    aud_id: int
    """Row of the speech features."""
    viewmat: Float[np.ndarray, "4 4"]
    """World→camera, OpenCV axes, metres."""

    def feature_row(self, count: int) -> int:
        """Row of its speech features, of `count`: subjects of prior work may lack the last rows."""
        return min(self.aud_id, count - 1)


@dataclass(frozen=True)
class Split:
    """One transforms file."""

    focal: float
    cx: float
    cy: float
    frames: tuple[FrameRef, ...]


def viewmat_to_opengl(viewmat: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """World→camera (OpenCV) to camera→world (OpenGL)."""
    return np.linalg.inv(viewmat) @ _FLIP


def opengl_to_viewmat(transform: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """Camera→world (OpenGL) to world→camera (OpenCV), translation in the same unit.

    Raises `ValueError` unless it is a rigid transform of finite numbers.
    """
    if transform.shape != (4, 4):
        raise ValueError(f"a matrix of {transform.shape} numbers instead of 4 x 4")
    if not (np.abs(transform) <= _FARTHEST).all():  # NaN is not
        raise ValueError(f"numbers that are not finite or beyond {_FARTHEST:.0f}")
    rotation = transform[:3, :3]
    off = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if off > _ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        raise ValueError("no rotation in its upper left 3 x 3")
    if np.abs(transform[3] - (0, 0, 0, 1)).max() > _ROTATION_TOLERANCE:
        raise ValueError("a last row other than 0 0 0 1")
    return np.linalg.inv(transform @ _FLIP)


def check_view(viewmat: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """The matrix; raises `ValueError` where the head, at the world's origin, is not in front."""
    if not 0 < viewmat[2, 3] < _FARTHEST:
        raise ValueError(f"the head would be {viewmat[2, 3]:.3g} m in front of the camera")
    return viewmat


def write_split(path: Path, split: Split) -> None:
    """Write a transforms file."""
    frames = [
        {
            "img_id": f.img_id,
            "aud_id": f.aud_id,
            "transform_matrix": viewmat_to_opengl(f.viewmat).tolist(),
        }
        for f in split.frames
    ]
    text = {"focal_len": split.focal, "cx": split.cx, "cy": split.cy, "frames": frames}
    write_text(path, json.dumps(text))


def check_intrinsics(focal: float, cx: float, cy: float) -> None:
    """Raise `ValueError` where these cannot be intrinsics, in pixels."""
    if not (math.isfinite(focal) and 1 <= focal <= 1e6):
        raise ValueError(f"a focal length of {focal:.6g} pixels")
    for name, value in (("cx", cx), ("cy", cy)):
        if not (math.isfinite(value) and abs(value) <= 1e6):
            raise ValueError(f"{name} = {value:.6g}")


def read_split(path: Path) -> Split:
    """Read a transforms file.

    Raises `SubjectError`, naming the frame, where it is missing, damaged, or holds a matrix
    that is no camera pose in front of a head.
    """
    where = ""
    try:
        data = json.loads(path.read_text())
        frames = []
        for row, entry in enumerate(data["frames"]):
            where = f"entry {row}: "
            where = f"frame {_index(entry['img_id'])}: "
            viewmat = opengl_to_viewmat(np.array(entry["transform_matrix"], dtype=np.float64))
            frames.append(
                FrameRef(_index(entry["img_id"]), _index(entry["aud_id"]), check_view(viewmat))
            )
        where = ""
        focal, cx, cy = (float(data[name]) for name in ("focal_len", "cx", "cy"))
        check_intrinsics(focal, cx, cy)
        twice = [i for i, n in Counter(f.img_id for f in frames).items() if n > 1]
        if twice:
            raise ValueError(f"frame {twice[0]} more than once")
        return Split(focal, cx, cy, tuple(frames))
    except FileNotFoundError as e:
        raise SubjectError(f"{path} is missing: is this a prepared subject?") from e
    except (OSError, LookupError, TypeError, ValueError, RecursionError, OverflowError) as e:
        why = f"no {e}" if isinstance(e, KeyError) else str(e) or type(e).__name__
        raise SubjectError(
            f"{path} is not a sound transforms file of the AD-NeRF family ({where}{why}): prepare "
            "the video again, or write it again with the project it comes from"
        ) from e


def _index(value: object) -> int:
    """A frame's number. Raises `ValueError` where it is none."""
    number = float(value)  # type: ignore[arg-type]
    if not (number.is_integer() and 0 <= number < _MOST_FRAMES):
        raise ValueError(f"{value} as a number of a frame")
    return int(number)
