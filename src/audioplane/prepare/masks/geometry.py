"""The parts of a person in an image, estimated from 68 landmarks.

Lengths are in face heights h (brow line to chin × 1.5, about forehead to chin); u points along
the eyes to the image's right, v down the face.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

_FAR = 10.0
"""Face heights: beyond any image."""
_SIDE_CUT = 3
"""Jaw landmark near the ear lobe, at whose height head and body separate beside the face."""
_SIDE_SLOPE = 0.15
"""How steeply that cut falls outwards: not into the shoulders of a bowed head."""
_FLESH = 0.05
"""Face heights by which cheeks may reach beyond the jaw's landmarks."""


@dataclass(frozen=True)
class FaceFrame:
    """Axes and size of a face in the image."""

    chin: Float[np.ndarray, "2"]
    u: Float[np.ndarray, "2"]
    v: Float[np.ndarray, "2"]
    h: float
    """Pixels."""

    @staticmethod
    def of(landmarks: Float[np.ndarray, "68 2"]) -> "FaceFrame":
        """From the landmarks."""
        points = landmarks.astype(np.float64)
        u = points[45] - points[36]
        u = u / np.linalg.norm(u)
        v = np.array([-u[1], u[0]])
        brow = points[17:27].mean(0)
        return FaceFrame(points[8], u, v, 1.4 * float((points[8] - brow) @ v))

    def at(self, right: float, down: float) -> Float[np.ndarray, "2"]:
        """A point given from the chin, in face heights."""
        return self.chin + self.h * (right * self.u + down * self.v)


def polygon_mask(points: Float[np.ndarray, "n 2"], size: int) -> Bool[np.ndarray, "size size"]:
    """Pixels inside a polygon."""
    mask = np.zeros((size, size), np.uint8)
    shifted = np.round(np.clip(points, -8 * size, 8 * size) * 16).astype(np.int32)
    cv2.fillPoly(mask, [shifted], (1,), shift=4)
    return mask.astype(bool)


def head_side(landmarks: Float[np.ndarray, "68 2"], size: int) -> Bool[np.ndarray, "size size"]:
    """Everything on the head's side of the jaw line.

    Between the ear lobes the border is the jaw line itself; beside them it runs outwards.
    """
    frame = FaceFrame.of(landmarks)
    jaw = landmarks[_SIDE_CUT : 17 - _SIDE_CUT].astype(np.float64)
    reach = _FAR * frame.h
    right = jaw[-1] + reach * (frame.u + _SIDE_SLOPE * frame.v)
    left = jaw[0] + reach * (-frame.u + _SIDE_SLOPE * frame.v)
    border = [*jaw, right, right - 3 * reach * frame.v, left - 3 * reach * frame.v, left]
    return polygon_mask(np.array(border), size)


def jaw_flesh(landmarks: Float[np.ndarray, "68 2"], size: int) -> Bool[np.ndarray, "size size"]:
    """Beside the jaw line, from ear lobes to jaw angles: skin there belongs to the cheeks."""
    frame = FaceFrame.of(landmarks)
    mask = np.zeros((size, size), bool)
    for jaw, side in ((landmarks[2:6], -1), (landmarks[11:15], 1)):
        line = jaw.astype(np.float64)
        beyond = line + side * _FLESH * frame.h * frame.u
        mask |= polygon_mask(np.concatenate([line, beyond[::-1]]), size)
    return mask


def neck_zone(landmarks: Float[np.ndarray, "68 2"], size: int) -> Bool[np.ndarray, "size size"]:
    """Where the neck may be visible: under the jaw, as wide as the jaw, to half a face below."""
    frame = FaceFrame.of(landmarks)
    jaw = landmarks[_SIDE_CUT : 17 - _SIDE_CUT].astype(np.float64)
    corners = [*jaw, jaw[-1] + 0.5 * frame.h * frame.v, frame.at(0.35, 0.6)]
    corners += [frame.at(-0.35, 0.6), jaw[0] + 0.5 * frame.h * frame.v]
    return polygon_mask(np.array(corners), size) & ~head_side(landmarks, size)


def face_polygon(landmarks: Float[np.ndarray, "68 2"]) -> Float[np.ndarray, "n 2"]:
    """Outline of the face: jaw line, closed over the forehead."""
    frame = FaceFrame.of(landmarks)
    brows = landmarks[26:16:-1].astype(np.float64)
    lift = np.sin(np.linspace(0.15, np.pi - 0.15, len(brows)))[:, None]
    return np.concatenate([landmarks[:17], brows - 0.22 * frame.h * lift * frame.v])
