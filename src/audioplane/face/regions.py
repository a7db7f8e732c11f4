"""Regions and measures of a face from its 68 landmarks (iBUG order, pixels, x right, y down).

Outer lip 48–59, inner lip 60–67, eyes 36–47, jaw line 0–16.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels, right and bottom exclusive, inside the image."""

MOUTH_DILATION = 0.06
"""How far the mouth mask reaches beyond the outer lip, as a fraction of the face's width."""


def face_width(landmarks: Float[np.ndarray, "68 2"]) -> float:
    """Distance between the two ends of the jaw line, pixels."""
    return float(np.linalg.norm(landmarks[16] - landmarks[0]))


def mouth_mask(
    landmarks: Float[np.ndarray, "68 2"], height: int, width: int, dilation: float = MOUTH_DILATION
) -> Bool[np.ndarray, "h w"]:
    """The paper's mask m (§3.4): the outer-lip polygon, dilated by a fraction of face width."""
    return _dilated([landmarks[48:60]], height, width, dilation * face_width(landmarks))


def eyes_mask(
    landmarks: Float[np.ndarray, "68 2"], height: int, width: int, dilation: float
) -> Bool[np.ndarray, "h w"]:
    """What lies between the lids of both eyes, dilated by a fraction of face width."""
    eyes = [landmarks[36:42], landmarks[42:48]]
    return _dilated(eyes, height, width, dilation * face_width(landmarks))


def _dilated(
    polygons: list[np.ndarray], height: int, width: int, reach: float
) -> Bool[np.ndarray, "h w"]:
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32) for points in polygons], (1,))
    radius = max(1, round(reach))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask, kernel).astype(bool)


def mouth_aperture(landmarks: Float[np.ndarray, "*t 68 2"]) -> Float[np.ndarray, "*t"]:
    """Mean opening of three inner-lip pairs over the distance of the outer eye corners.

    Without unit: 0 is closed, 0.3 wide open.
    """
    upper, lower = landmarks[..., [61, 62, 63], :], landmarks[..., [67, 66, 65], :]
    return _opening(landmarks, upper, lower)


def eye_aperture(landmarks: Float[np.ndarray, "*t 68 2"]) -> Float[np.ndarray, "*t"]:
    """Mean opening of both eyes' lids, two pairs each, over the distance of the outer eye corners.

    Without unit: 0 is closed, .1 open.
    """
    upper, lower = landmarks[..., [37, 38, 43, 44], :], landmarks[..., [41, 40, 47, 46], :]
    return _opening(landmarks, upper, lower)


def _opening(landmarks: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    opening = np.linalg.norm(upper - lower, axis=-1).mean(-1)
    width = np.linalg.norm(landmarks[..., 45, :] - landmarks[..., 36, :], axis=-1)
    return np.asarray(opening / width)


def _box(points: np.ndarray, grow: float, height: int, width: int) -> Box | None:
    low, high = points.min(0), points.max(0)
    margin = grow * (high - low).max()
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high + margin), [width, height]).astype(int)
    if right <= left or bottom <= top:
        return None
    return int(left), int(top), int(right), int(bottom)


def face_box(landmarks: Float[np.ndarray, "68 2"], height: int, width: int) -> Box | None:
    """Box around all landmarks, grown by a tenth of its longer side; None outside the image."""
    return _box(landmarks, 0.1, height, width)


def mouth_box(landmarks: Float[np.ndarray, "68 2"], height: int, width: int) -> Box | None:
    """Box around the outer lip, grown by a quarter of its longer side; None outside the image."""
    return _box(landmarks[48:60], 0.25, height, width)
