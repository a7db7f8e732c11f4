"""`transforms_{train,val}.json`: cameras of the frames, as the AD-NeRF family writes them.

On disk a pose is camera→world with OpenGL axes (x right, y up, z back); in memory it is
world→camera with OpenCV axes (x right, y down, z forward).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.assets import write_atomically
from audioplane.errors import SubjectError

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class FrameRef:
    """One frame of a subject: what its files are called and where its camera stood."""

    img_id: int
    """Names the files of the frame; not its row."""
    aud_id: int
    """Row of the speech features."""
    viewmat: Float[np.ndarray, "4 4"]
    """World→camera, OpenCV axes, metres."""


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
    """Camera→world (OpenGL) to world→camera (OpenCV). Raises `ValueError` if it mirrors."""
    if not np.linalg.det(transform[:3, :3]) > 0:
        raise ValueError(f"no turn and shift: {transform.tolist()}")
    return np.linalg.inv(transform @ _FLIP)


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
    with write_atomically(path) as partial:
        partial.write_text(json.dumps(text))


def read_split(path: Path) -> Split:
    """Read a transforms file. Raises `SubjectError` where it is missing or not of the format."""
    try:
        data = json.loads(path.read_text())
        frames = tuple(
            FrameRef(
                int(f["img_id"]),
                int(f["aud_id"]),
                opengl_to_viewmat(np.array(f["transform_matrix"], dtype=np.float64)),
            )
            for f in data["frames"]
        )
        return Split(float(data["focal_len"]), float(data["cx"]), float(data["cy"]), frames)
    except FileNotFoundError as e:
        raise SubjectError(f"{path} is missing: is this a prepared subject?") from e
    except (KeyError, TypeError, ValueError, np.linalg.LinAlgError) as e:
        raise SubjectError(f"{path} is not a transforms file of the AD-NeRF family: {e!r}") from e
