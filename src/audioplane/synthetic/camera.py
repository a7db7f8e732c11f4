"""Where head, body and camera of the synthetic subject are in one frame.

At rest the axes of head and body coincide: origin at the head's centre, x to the image's right, y
down, z away from the viewer; metres.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from audioplane.synthetic.body import NECK_PIVOT, NECK_TOP

DISTANCE = 1.0
"""Of the camera to the head at rest, metres."""
_HEAD_MIDDLE = np.array([0.0, 0.02, -0.01])
_WAIST = np.array([0.0, 0.50, 0.06])
"""The point of the body about which it turns."""


@dataclass(frozen=True)
class Framing:
    """What the camera shows of the person."""

    focal: float
    """Focal length in image sizes."""
    lower_by: float
    """How far the head at rest is above the image's middle, metres."""


HEAD_FRAMING = Framing(2.65, 0.018)
"""The head, and the neck to the collar."""
BUST_FRAMING = Framing(2.25, 0.065)
"""Head, shoulders and the upper chest."""


@dataclass(frozen=True)
class FrameGeometry:
    """One frame's geometry."""

    head_in_body: Float64[np.ndarray, "4 4"]
    """Head axes → body axes."""
    body_viewmat: Float64[np.ndarray, "4 4"]
    """Body axes → camera, OpenCV axes."""
    focal: float
    """Pixels."""
    size: int
    """Height and width of the image, pixels."""

    @property
    def viewmat(self) -> Float64[np.ndarray, "4 4"]:
        """Head-fixed world → camera, OpenCV axes."""
        return self.body_viewmat @ self.head_in_body

    @property
    def neck_top(self) -> Float64[np.ndarray, "3"]:
        """Upper end of the neck in body axes, metres."""
        return transform(self.head_in_body, np.array(NECK_TOP))

    @property
    def head_middle(self) -> Float64[np.ndarray, "3"]:
        """Middle of the head's shadow-casting ball in body axes, metres."""
        return transform(self.head_in_body, _HEAD_MIDDLE)

    def project(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of points in head axes (pixel centres at +0.5)."""
        return self._pixels(transform(self.viewmat, points))

    def project_body(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of points in body axes."""
        return self._pixels(transform(self.body_viewmat, points))

    def _pixels(self, p: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        return self.focal * p[..., :2] / p[..., 2:] + 0.5 * self.size


def transform(
    rigid: Float[np.ndarray, "4 4"], points: Float[np.ndarray, "*n 3"]
) -> Float64[np.ndarray, "*n 3"]:
    """R p + t."""
    return points @ rigid[:3, :3].T + rigid[:3, 3]


def rigid_inverse(rigid: Float[np.ndarray, "*n 4 4"]) -> Float64[np.ndarray, "*n 4 4"]:
    """The way back: Rᵀ, −Rᵀ t."""
    back = np.zeros(rigid.shape)
    back[..., :3, :3] = np.swapaxes(rigid[..., :3, :3], -1, -2)
    back[..., :3, 3] = -(back[..., :3, :3] @ rigid[..., :3, 3:])[..., 0]
    back[..., 3, 3] = 1.0
    return back


def rotation_matrix(angles: Float[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotation by yaw, pitch and roll (radians; see `HeadMotion.rotation`)."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles), np.sin(angles)
    yaw = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return roll @ yaw @ pitch


def turn_about(
    pivot: Float[np.ndarray, "3"],
    rotation: Float[np.ndarray, "3"],
    translation: Float[np.ndarray, "3"],
) -> Float64[np.ndarray, "4 4"]:
    """Turn by `rotation` (yaw, pitch, roll, radians) about a point and shift."""
    R = rotation_matrix(rotation)
    rigid = np.eye(4)
    rigid[:3, :3] = R
    rigid[:3, 3] = pivot + translation - R @ pivot
    return rigid


def body_to_camera(
    rotation: Float[np.ndarray, "3"], translation: Float[np.ndarray, "3"], framing: Framing
) -> Float64[np.ndarray, "4 4"]:
    """The body turned about its waist (yaw, pitch, roll, radians) and shifted (metres)."""
    viewmat = turn_about(_WAIST, rotation, translation)
    viewmat[:3, 3] += [0.0, -framing.lower_by, DISTANCE]
    return viewmat


def frame_geometry(
    rotation: Float[np.ndarray, "3"],
    translation: Float[np.ndarray, "3"],
    size: int,
    body_viewmat: Float[np.ndarray, "4 4"] | None = None,
    framing: Framing = HEAD_FRAMING,
) -> FrameGeometry:
    """Turn the head by `rotation` (yaw, pitch, roll, radians) about the neck and shift it.

    Both are meant against the body, which carries the head; it is at rest unless `body_viewmat`
    (body → camera, from `body_to_camera` with the same framing) says otherwise.
    """
    if body_viewmat is None:
        body_viewmat = body_to_camera(np.zeros(3), np.zeros(3), framing)
    head = turn_about(np.array(NECK_PIVOT), rotation, translation)
    return FrameGeometry(head, body_viewmat, framing.focal * size, size)


def body_motion(
    viewmats: Float[np.ndarray, "t 4 4"],
    body_viewmats: Float[np.ndarray, "t 4 4"],
    reference: int,
) -> Float64[np.ndarray, "t 4 4"]:
    """Motion of the body's points in the head's world against the frame `reference`.

    B_t = V_t⁻¹ C_t C_r⁻¹ V_r with V the head's and C the body's way to the camera: a point of the
    body that is at x in the head's axes in frame r is at B_t x in frame t.
    """
    there = rigid_inverse(body_viewmats[reference]) @ viewmats[reference]
    return rigid_inverse(viewmats) @ body_viewmats @ there
