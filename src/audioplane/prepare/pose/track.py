"""The head's pose in every frame of a clip, and how well it fits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.face.head_axes import (
    EYE_DISTANCE,
    NOSE_BRIDGE,
    average_shape,
    rigid_points,
)
from audioplane.prepare.pose.fit import HUBER, Intrinsics, blocks, fit_head, project, to_camera
from audioplane.prepare.pose.focal import find_focal
from audioplane.prepare.pose.smooth import segments, smooth_poses

_FRAMES_OF_FIT = 1500
"""Frames that shape and face shapes are fitted to; the others get their poses from them."""
_FRAMES_OF_GUESS = 200


@dataclass(frozen=True)
class PoseReport:
    """How well the poses fit; pixels of the frame."""

    frames: int
    points: int
    focal: float
    """Focal length."""
    median: float
    """Reprojection error of the rigid head."""
    p95: float
    median_with_face_shape: float
    jitter: float
    """Mean absolute second difference of the reprojected nose bridge."""
    jitter_observed: float
    """The same of the landmark itself."""
    runs: int
    """Runs of the clip that are smoothed separately, between cuts and lost faces."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        return (
            f"reprojection error median {self.median:.2f} px, p95 {self.p95:.2f} px, "
            f"jitter {self.jitter:.2f} px (landmark itself {self.jitter_observed:.2f}), "
            f"focal length {self.focal:.0f} px, {self.runs} runs"
        )


def track_head(
    landmarks: Float32[np.ndarray, "n 478 2"],
    depth: Float[np.ndarray, "n 478"],
    valid: Bool[np.ndarray, " n"],
    size: int,
    cuts: Sequence[int] = (),
    focal: float | None = None,
) -> tuple[Float[np.ndarray, "n 4 4"], PoseReport]:
    """World→camera of every frame (identity where the face was lost), and the report.

    Args:
        landmarks: pixels.
        depth: of the landmarks, relative.
        valid: frames in which the face was found.
        size: side of the frames, pixels.
        cuts: first frames of all shots but the first.
        focal: focal length, pixels; searched for if not given.
    """
    frames = np.flatnonzero(valid)
    some = frames[:: max(1, len(frames) // _FRAMES_OF_GUESS)]
    guess = average_shape(np.concatenate([landmarks[some], depth[some, :, None]], -1))
    rigid = rigid_points(guess)
    observed = np.empty((len(frames), len(rigid), 2))
    for f in blocks(len(frames)):  # bounds the memory
        observed[f] = landmarks[frames[f]][:, rigid]
    huber = HUBER * size / 512
    if focal is None:
        focal = find_focal(observed, guess[rigid], size, huber)
    camera = Intrinsics(focal, size / 2)
    fit = fit_head(observed, guess[rigid], camera, huber, _FRAMES_OF_FIT)
    runs = segments(fit, frames, EYE_DISTANCE, cuts)
    rotations, translations = smooth_poses(fit, observed, camera, runs)
    viewmats = np.tile(np.eye(4), (len(landmarks), 1, 1))
    viewmats[frames, :3, :3] = rotations
    viewmats[frames, :3, 3] = translations

    bridge = int(np.flatnonzero(rigid == NOSE_BRIDGE)[0])
    errors, moved_errors, bridges = [], [], []
    for f in blocks(len(frames)):
        reprojected = project(to_camera(fit.shape, rotations[f], translations[f]), camera)
        points_seen = to_camera(fit.part(f).points(), rotations[f], translations[f])
        errors.append(_distance(reprojected, observed[f]))
        moved_errors.append(_distance(project(points_seen, camera), observed[f]))
        bridges.append(reprojected[:, bridge])
    error = np.concatenate(errors)
    report = PoseReport(
        frames=len(frames),
        points=len(rigid),
        focal=focal,
        median=float(np.median(error)),
        p95=float(np.percentile(error, 95)),
        median_with_face_shape=float(np.median(np.concatenate(moved_errors))),
        jitter=_jitter(np.concatenate(bridges), runs),
        jitter_observed=_jitter(observed[:, bridge], runs),
        runs=len(runs),
    )
    return viewmats, report


def _distance(a: np.ndarray, b: np.ndarray) -> Float32[np.ndarray, "n k"]:
    return np.linalg.norm(a - b, axis=-1).astype(np.float32)


def _jitter(path: Float[np.ndarray, "n 2"], runs: list[slice]) -> float:
    """Mean absolute second difference within the runs."""
    parts = [np.abs(np.diff(path[r], n=2, axis=0)).ravel() for r in runs]
    together = np.concatenate(parts)
    return float(together.mean()) if len(together) else 0.0
