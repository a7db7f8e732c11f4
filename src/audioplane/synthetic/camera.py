"""Where head, body and camera of the synthetic subject are in one frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from audioplane.synthetic.body import NECK_PIVOT, NECK_TOP

DISTANCE = 1.0
"""Of the camera to the head at rest, metres."""
LOWER_BY = 0.018
"""How far the head at rest is above the image's middle, metres."""
FOCAL = 2.65
"""Focal length in image sizes."""
_HEAD_MIDDLE = np.array([0.0, 0.02, -0.01])


@dataclass(frozen=True)
class Stage:
    """One frame's geometry."""

    viewmat: Float64[np.ndarray, "4 4"]
    """Head-fixed world → camera, OpenCV axes, metres."""
    neck_top: Float64[np.ndarray, "3"]
    """Upper end of the neck in body axes, metres."""
    head_middle: Float64[np.ndarray, "3"]
    """Middle of the head's shadow-casting ball in body axes, metres."""
    offset: Float64[np.ndarray, "3"]
    """Body → camera: a shift that never changes, metres."""
    focal: float
    """Pixels."""
    size: int
    """Height and width of the image, pixels."""

    def project(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of points in head axes (pixel centres at +0.5)."""
        p = points @ self.viewmat[:3, :3].T + self.viewmat[:3, 3]
        return self.focal * p[..., :2] / p[..., 2:] + 0.5 * self.size


def rotation_matrix(angles: Float[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Head → body rotation of yaw, pitch and roll (radians; see `Performance.rotation`)."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles), np.sin(angles)
    yaw = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return roll @ yaw @ pitch


def set_stage(
    rotation: Float[np.ndarray, "3"], translation: Float[np.ndarray, "3"], size: int
) -> Stage:
    """Turn the head by `rotation` (yaw, pitch, roll, radians) about the neck and shift it."""
    R = rotation_matrix(rotation)
    pivot = np.array(NECK_PIVOT)
    shift = pivot + translation - R @ pivot
    offset = np.array([0.0, -LOWER_BY, DISTANCE])
    viewmat = np.eye(4)
    viewmat[:3, :3] = R
    viewmat[:3, 3] = shift + offset
    return Stage(
        viewmat=viewmat,
        neck_top=R @ np.array(NECK_TOP) + shift,
        head_middle=R @ _HEAD_MIDDLE + shift,
        offset=offset,
        focal=FOCAL * size,
        size=size,
    )
