"""A table of poses: where somebody, or a program, wants a head to be, one row a frame.

On disk it is JSON of the AD-NeRF family's `transforms_*.json` with two keys more:

    {"fps": 25, "relative": false,
     "frames": [{"transform_matrix": 4 x 4, "body_matrix": 4 x 4, "img_id": 0}, …]}

Matrices are camera→world with OpenGL axes, metres; `body_matrix` is that of the body's own world
(`Subject.body_view`) and may be left out, as may `img_id`, which is the number of a row's frame at
`fps`. Any `transforms_*.json` is such a table, and so is the folder of a subject.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.clock import FPS
from audioplane.errors import MediaError, PoseError, SubjectError
from audioplane.media.image import read_image
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.poses import pose_file, read_poses
from audioplane.subject.transforms import check_view, opengl_to_viewmat

_FORMAT = "docs/poses.md describes such a file"
_RATES = (1.0, 240.0)
_LONGEST = 90_000
"""Most rows at 25 a second: an hour."""


@dataclass(frozen=True)
class PoseTable:
    """Poses at 25 a second."""

    heads: Float[np.ndarray, "t 4 4"]
    """World→camera of the head's world, OpenCV axes, metres."""
    bodies: Float[np.ndarray, "t 4 4"] | None
    """Likewise of the body's world; None where the table does not say."""
    relative: bool
    """Whether only the differences between its poses count: they are another person's."""


def read_pose_table(path: Path | str, identity: str = "") -> PoseTable:
    """Read a table of poses, or all poses of a subject.

    Args:
        path: A JSON file, or the folder of a subject, prepared here or by prior work.
        identity: `Subject.identity` of who is to take the poses. Those of a clip, which states its
            intrinsics, are relative unless it is theirs or the file says otherwise.

    Raises:
        PoseError: It is missing or no such table, or holds a matrix that is no pose of a head in
            front of a camera; the message names the row.
    """
    path = Path(path)
    if path.is_dir():
        return _of_subject(path, identity)
    where = ""
    try:
        data = json.loads(path.read_text())
        entries = data["frames"]
        if not isinstance(entries, list) or not entries:
            raise ValueError("it holds no frames")
        rate = float(data.get("fps", FPS))
        if not _RATES[0] <= rate <= _RATES[1]:
            raise ValueError(f"fps of {rate:g}")
        heads, bodies, numbers = [], [], []
        for row, entry in enumerate(entries):
            where = f"row {row}: "
            heads.append(_view(entry["transform_matrix"]))
            numbers.append(float(entry.get("img_id", row)))
            if "body_matrix" in entry:
                bodies.append(_view(entry["body_matrix"]))
        where = ""
        if bodies and len(bodies) < len(heads):
            raise ValueError(f"{len(bodies)} of {len(heads)} rows have a body_matrix")
        clip = "focal_len" in data and not _same_subject(path.parent, identity)
        relative = data.get("relative", clip)
        if not isinstance(relative, bool):
            raise ValueError(f"relative of {relative!r}")
        seconds = np.array(numbers) / rate
        return PoseTable(
            _at_25(seconds, np.array(heads)),
            _at_25(seconds, np.array(bodies)) if bodies else None,
            relative,
        )
    except FileNotFoundError as e:
        raise PoseError(f"{path} is missing: {_FORMAT}") from e
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError,
            OverflowError) as e:  # fmt: skip
        why = f"no {e}" if isinstance(e, KeyError) else str(e) or type(e).__name__
        raise PoseError(f"{path} is no table of poses ({where}{why}): {_FORMAT}") from e


def _of_subject(folder: Path, identity: str) -> PoseTable:
    """The poses of all frames of a subject. Raises `PoseError` as `read_pose_table` does."""
    paths = SubjectPaths(folder)
    try:
        height, width = read_image(paths.background).shape[:2]
        splits = read_poses(paths, (width, height))
        frames = sorted((f for s in splits for f in s.frames), key=lambda f: f.img_id)
        if not frames:
            raise ValueError("it holds no frames")
        seconds = np.array([f.img_id for f in frames]) / FPS
        heads = _at_25(seconds, np.array([f.viewmat for f in frames]))
    except (MediaError, SubjectError, ValueError) as e:
        raise PoseError(f"{folder} is no subject with poses ({e})") from e
    return PoseTable(heads, None, not _same_subject(folder, identity))


def _same_subject(folder: Path, identity: str) -> bool:
    """Whether this is the folder of the subject of this identity."""
    path = pose_file(SubjectPaths(folder))
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == identity


def _view(matrix: object) -> Float[np.ndarray, "4 4"]:
    """World→camera of a matrix on disk. Raises `ValueError` where it is no pose."""
    numbers = np.array(matrix, dtype=np.float64)
    if numbers.shape != (4, 4):
        raise ValueError(f"a matrix of {numbers.shape} numbers instead of 4 x 4")
    return check_view(opengl_to_viewmat(numbers))


def _at_25(
    seconds: Float[np.ndarray, " n"], views: Float[np.ndarray, "n 4 4"]
) -> Float[np.ndarray, "t 4 4"]:
    """Poses interpolated in time, from the first to the last.

    Raises `ValueError` where times are not finite, fall together, or span more than an hour.
    """
    from scipy.spatial.transform import Rotation, Slerp  # 30 MB, which few need

    order = np.argsort(seconds)
    seconds, views = seconds[order] - seconds[order[0]], views[order]
    if len(seconds) == 1:
        return views
    if not (np.diff(seconds) > 0).all():  # NaN is not
        raise ValueError("two rows of one img_id")
    steps = math.floor(seconds[-1] * FPS + 1e-6) + 1
    if steps > _LONGEST:
        raise ValueError(f"it spans {seconds[-1] / 60:.0f} minutes, more than an hour")
    at = np.minimum(np.arange(steps) / FPS, seconds[-1])
    out = np.tile(np.eye(4), (steps, 1, 1))
    out[:, :3, :3] = Slerp(seconds, Rotation.from_matrix(views[:, :3, :3]))(at).as_matrix()
    for axis in range(3):
        out[:, axis, 3] = np.interp(at, seconds, views[:, axis, 3])
    return out
