"""The head's own axes and size from MediaPipe's landmarks, and the choice of rigid landmarks."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int

from audioplane.face.landmarker import CHIN, FOREHEAD, LEFT_TEMPLE, N_POINTS, RIGHT_TEMPLE

EYE_DISTANCE = 0.09
"""Metres between the outer eye corners (biocular breadth of adults, 0.087–0.094 m)."""
DEPTH_OF_CENTRE = 0.06
"""Metres from the outer eye corners back to the head's centre."""
LEFT_EYE, RIGHT_EYE = 33, 263
"""Outer eye corners, left and right in the image."""
NOSE_BRIDGE = 168
"""Point whose jitter is reported: it is rigid, and the eye of a viewer rests near it."""
_NOSE_BASE = 2
_PAIRS = ((33, 263), (133, 362), (LEFT_TEMPLE, RIGHT_TEMPLE), (127, 356), (98, 327), (93, 323))
"""The same point on either side."""
_EYELIDS = (
    *(7, 163, 144, 145, 153, 154, 155, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23),
    *(22, 26, 112, 243, 190, 56, 28, 27, 29, 30, 247, 226, 31, 228, 229, 230, 231, 232, 233, 244),
    *(249, 390, 373, 374, 380, 381, 382, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254),
    *(253, 252, 256, 341, 463, 414, 286, 258, 257, 259, 260, 467, 446, 261, 448, 449, 450, 451),
    *(452, 453, 464),
)
_BROWS = (
    *(46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 124, 156, 113, 225, 224, 223, 222, 221, 189),
    *(276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 353, 383, 342, 445, 444, 443, 442, 441),
    413,
)
_IRISES = tuple(range(468, N_POINTS))


def average_shape(points: Float[np.ndarray, "n 478 3"]) -> Float[np.ndarray, "478 3"]:
    """Median shape in the head's axes, metres, of landmarks in pixels (z relative)."""
    return np.median([to_head_axes(p) for p in points.astype(np.float64)], axis=0)


def to_head_axes(points: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "478 3"]:
    """Landmarks of one face in the head's axes, metres.

    x points right in the image, y down from forehead to chin, z away from the camera: a frontal
    face looks towards −z. Origin at the head's centre.
    """
    axes = _axes(points)
    eyes = (points[LEFT_EYE] + points[RIGHT_EYE]) / 2
    scale = EYE_DISTANCE / np.linalg.norm(points[RIGHT_EYE] - points[LEFT_EYE])
    return scale * (points - eyes) @ axes.T - np.array([0.0, 0.0, DEPTH_OF_CENTRE])


def _axes(points: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "3 3"]:
    """The head's x, y and z in the image, one a row."""
    x = sum((points[b] - points[a]) / np.linalg.norm(points[b] - points[a]) for a, b in _PAIRS)
    x = x / np.linalg.norm(x)
    down = points[CHIN] - points[FOREHEAD]
    y = down - (down @ x) * x
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)])


@dataclass(frozen=True)
class HeadTurn:
    """How a head is turned, degrees; a few degrees of pitch are the face's own shape."""

    yaw: float
    """Positive towards the image's right."""
    pitch: float
    """Positive downwards."""
    roll: float
    """Positive clockwise in the image."""


def head_turn(points: Float32[np.ndarray, "478 3"]) -> HeadTurn:
    """The turn of one face from its landmarks, pixels with relative depth."""
    x, _, z = _axes(points.astype(np.float64))
    gaze = -z  # a frontal face looks towards the camera, against z
    yaw, pitch = np.arctan2(gaze[0], -gaze[2]), np.arcsin(np.clip(gaze[1], -1, 1))
    return HeadTurn(*(float(np.degrees(a)) for a in (yaw, pitch, np.arctan2(x[1], x[0]))))


def rigid_points(shape: Float[np.ndarray, "478 3"]) -> Int[np.ndarray, " k"]:
    """Landmarks above the mouth that neither lids nor brows move."""
    above = shape[:, 1] < shape[_NOSE_BASE, 1] + 0.003
    above[list(_EYELIDS + _BROWS + _IRISES)] = False
    return np.flatnonzero(above)
