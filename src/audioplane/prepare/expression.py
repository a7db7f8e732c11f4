"""The expression of the upper face in every frame of a subject, from the landmarker.

Legend: V a frame's view, world→camera; f the focal length; r the eyeball's radius.
"""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from audioplane.assets import find_model
from audioplane.face.head_axes import EYE_DISTANCE, LEFT_EYE, RIGHT_EYE
from audioplane.face.landmarker import BLENDSHAPES, FACE_LANDMARKER, N_POINTS, Landmarker
from audioplane.progress import Counter, Report, ignore
from audioplane.subject import FrameRef, Subject, load_subject
from audioplane.subject.expression import COLUMNS, SHAPES, save_expressions, upright

_EYES = ((LEFT_EYE, 133, 468), (362, RIGHT_EYE, 473))
"""Of either eye: its corners, image-left first, and the middle of the iris."""
_RADIUS, _BEHIND = 0.0125, 0.006
"""Metres from the middle of an eyeball to its iris, and from the corners of the eye back to that
middle: with it, a woman who keeps looking at the camera turns her eyes as far as her head."""
_FURTHEST = 0.95
"""Sine of the largest angle of an eye."""
_ROWS = [BLENDSHAPES.index(name) for name in SHAPES]
_FEWEST = 0.5
"""Share of the frames in which the face must be found."""


def with_expression(
    subject: Subject, landmarker: Path | None = None, report: Report = ignore
) -> Subject:
    """The subject with `expression.npy`, which is made and kept in its folder where it is not there
    and can be made: the landmarker is at hand (nothing is fetched) and the folder can be written.

    Args:
        subject: its images are read.
        landmarker: MediaPipe's `face_landmarker.task`; looked up if not given.
        report: receives the frames that are done.

    Raises:
        MediaError: an image is missing or damaged.
    """
    model = find_model(FACE_LANDMARKER, landmarker)
    if subject.paths.expressions.exists() or model is None:
        return subject
    if not os.access(subject.paths.root, os.W_OK):
        return subject
    rows = expressions_of(subject, *_seen(subject, model, report))
    if np.isnan(rows[[ref.img_id for ref in subject.train]]).any(1).mean() > _FEWEST:
        return subject
    save_expressions(subject.paths.expressions, rows)
    return load_subject(subject.paths.root)


def frames_of(subject: Subject) -> list[FrameRef]:
    """All usable frames in the order of the video."""
    return sorted((*subject.train, *subject.val), key=lambda ref: ref.img_id)


def _seen(
    subject: Subject, model: Path, report: Report
) -> tuple[Float32[np.ndarray, "n 478 2"], Float32[np.ndarray, "n 52"]]:
    """Landmarks and blendshapes, one row a frame of the video; NaN where no face was found."""
    frames, last = frames_of(subject), -1
    n = max(subject.rows, frames[-1].img_id + 1)
    points = np.full((n, N_POINTS, 2), np.nan, np.float32)
    shapes = np.full((n, len(BLENDSHAPES)), np.nan, np.float32)
    step = Counter(report, "expression", len(frames))
    with Landmarker(model, follow=True) as landmarker:
        for ref in frames:
            if any(last < cut <= ref.img_id for cut in subject.info.cuts):
                landmarker.restart()
            if found := landmarker.detect(subject.image(ref)):
                points[ref.img_id] = found[0].points[:, :2]
                shapes[ref.img_id] = found[0].blendshapes
            last = ref.img_id
            step()
    return points, shapes


def expressions_of(
    subject: Subject,
    points: Float32[np.ndarray, "n 478 2"],
    shapes: Float32[np.ndarray, "n 52"],
) -> Float32[np.ndarray, "n 17"]:
    """Rows of `COLUMNS`, one for each frame of the video.

    Args:
        subject: its cameras are used.
        points: landmarks, pixels.
        shapes: `BLENDSHAPES`, 0 to 1; NaN where no face was found, as in the result.
    """
    frames = [ref for ref in frames_of(subject) if not np.isnan(shapes[ref.img_id]).any()]
    rows = np.full((len(shapes), len(COLUMNS)), np.nan, np.float32)
    if frames:
        ids = [ref.img_id for ref in frames]
        views = np.stack([ref.viewmat for ref in frames])
        gaze = gaze_angles(points[ids].astype(np.float64), views, subject.K)
        rows[ids] = np.concatenate([shapes[ids][:, _ROWS], gaze], 1)
    return rows


def gaze_angles(
    points: Float[np.ndarray, "n 478 2"],
    views: Float[np.ndarray, "n 4 4"],
    K: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "n 2"]:
    """Yaw (to the image's right) and pitch (down) of both eyes in the head, radians.

    An iris sits on a ball behind the middle between the corners of its eye, which are fixed in the
    head. The scale is the distance of the outer corners, whatever the unit of the views.
    """
    corners = {i: _place(points[:, i], views, K) for left, right, _ in _EYES for i in (left, right)}
    metre = float(np.linalg.norm(corners[RIGHT_EYE] - corners[LEFT_EYE])) / EYE_DISTANCE
    turned = upright(views[:, :3, :3])
    eyes = []
    for left, right, iris in _EYES:
        middle = (corners[left] + corners[right]) / 2
        depth = views[:, 2, :3] @ middle + views[:, 2, 3]
        off = (points[:, iris] - (points[:, left] + points[:, right]) / 2) / K[0, 0]
        off = off * depth[:, None] / metre - _BEHIND * turned[:, :2, 2]
        off = np.clip(off / _RADIUS, -_FURTHEST, _FURTHEST)
        ahead = np.sqrt(np.maximum(1 - np.square(off).sum(1), 1 - _FURTHEST**2))
        seen = np.concatenate([off, -ahead[:, None]], 1)
        eyes.append(np.einsum("nji,nj->ni", turned, seen))
    x, y, z = np.mean(eyes, 0).T
    return np.stack([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))], 1)


def _place(
    seen: Float[np.ndarray, "n 2"], views: Float[np.ndarray, "n 4 4"], K: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "3"]:
    """The world point that is seen at these pixels, by least squares over all frames."""
    rays = (seen - K[:2, 2]) / [K[0, 0], K[1, 1]]
    A = views[:, :2, :3] - rays[..., None] * views[:, 2:3, :3]
    b = rays * views[:, 2:3, 3] - views[:, :2, 3]
    return np.linalg.lstsq(A.reshape(-1, 3), b.reshape(-1), rcond=None)[0]
