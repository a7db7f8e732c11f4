"""Hair that hangs below the jaw: it moves with the head, so its label must not be the torso's.

Its colours are learnt from the video: those around the face above the mouth that are not skin,
against clothes and the neck's middle. Where there is no hair, or it has the hue of the skin or the
colours of the clothes, no pixel is taken for hair.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from audioplane.prepare.masks.colours import apply_odds, learn_odds, skin_like
from audioplane.prepare.masks.geometry import FaceFrame, face_polygon, head_side, polygon_mask

_FAR = 10.0
"""Face heights: beyond any image."""
_LEAST = 0.01
"""Share of the pixels above which there is hair to learn from, and not only mixed edges."""
_SURE = 1.0
"""Log odds from which a pixel is hair, once they are blurred."""
_REACH = (0.65, 0.5)
"""Range beside and below the chin in which hair is searched for, face heights."""
_CLOTHES = (0.5, 0.35)
"""Face heights beside and below the chin from which on everything counts as clothes."""
_NECK = (0.22, 0.3)
"""Half width and height of the neck's middle below the chin, face heights; no hair hangs there."""

_RIM = 0.006
"""Half the width up to which hair may be the rim of a dark shoulder before a light wall, share of
the frame; such a rim is joined to the head by nothing wider, and is nowhere twice as wide."""


@dataclass(frozen=True)
class HairColours:
    """The colours of one person's hair."""

    odds: Float32[np.ndarray, "b b b"]
    """Log odds of hair by colour."""

    def hair(
        self, image: UInt8[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "68 2"]
    ) -> Bool[np.ndarray, "h w"]:
        """Pixels of a frame that have a colour of hair and not the cheeks' hue."""
        half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        odds = cv2.GaussianBlur(apply_odds(self.odds, half), (0, 0), 1.5)
        alike = cv2.resize(odds, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) > _SURE
        return alike & ~skin_like(image, landmarks)


def learn_hair(
    images: list[UInt8[np.ndarray, "h w 3"]],
    landmarks: list[Float[np.ndarray, "68 2"]],
    persons: list[Bool[np.ndarray, "h w"]],
) -> HairColours | None:
    """Learn from frames spread over the video; None where the head shows no hair of its own hue.

    Args:
        images: the frames.
        landmarks: their landmarks, pixels.
        persons: where they show the person.
    """
    hair, other = [], []
    for image, points, person in zip(images, landmarks, persons, strict=True):
        size = len(image)
        hair.append(image[person & _about_face(points, size) & ~skin_like(image, points)])
        other.append(image[person & ~head_side(points, size) & _body(points, size)])
    pixels = sum(image.shape[0] * image.shape[1] for image in images)
    if sum(map(len, hair)) < _LEAST * pixels or not any(map(len, other)):
        return None
    return HairColours(learn_odds(np.concatenate(hair), np.concatenate(other)))


def _about_face(points: Float[np.ndarray, "68 2"], size: int) -> Bool[np.ndarray, "size size"]:
    """The surroundings of the face above the mouth, where no shoulder reaches."""
    frame = FaceFrame.of(points)
    mouth = float((points[[48, 54]].mean(0) - frame.chin) @ frame.v) / frame.h
    upper = polygon_mask(_box(frame, -_FAR, _FAR, -_FAR, mouth), size)
    return upper & head_side(points, size) & ~polygon_mask(face_polygon(points), size)


def _body(points: Float[np.ndarray, "68 2"], size: int) -> Bool[np.ndarray, "size size"]:
    """Where no hair is expected: the neck's middle, the shoulders, the chest."""
    frame = FaceFrame.of(points)
    (half, down), (beside, below) = _NECK, _CLOTHES
    boxes = (
        (-half, half, 0.0, down),
        (-_FAR, _FAR, below, _FAR),
        (-_FAR, -beside, -_FAR, _FAR),
        (beside, _FAR, -_FAR, _FAR),
    )
    masks = (polygon_mask(_box(frame, *box), size) for box in boxes)
    return np.logical_or.reduce(list(masks))


def _box(
    frame: FaceFrame, left: float, right: float, top: float, bottom: float
) -> Float[np.ndarray, "4 2"]:
    """Corners of a box about the chin, in face heights."""
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return np.array([frame.at(*corner) for corner in corners])


def hanging(
    hair: Bool[np.ndarray, "h w"],
    head: Bool[np.ndarray, "h w"],
    landmarks: Float[np.ndarray, "68 2"],
) -> Bool[np.ndarray, "h w"]:
    """Hair beside and below the jaw that is connected with the head.

    Args:
        hair: pixels of a colour of hair, and of no skin.
        head: the head without them.
        landmarks: of the same frame, pixels.
    """
    frame = FaceFrame.of(landmarks)
    (beside, down), (half, below) = _REACH, _NECK
    zone = polygon_mask(_box(frame, -beside, beside, -1.0, down), len(head))
    zone &= ~polygon_mask(_box(frame, -half, half, 0.0, below), len(head))
    both = (hair & zone) | head
    wide = _joined(_opened(both, _RIM), head) | (_joined(both, head) & _opened(both, 2 * _RIM))
    return wide & ~head


def _opened(mask: Bool[np.ndarray, "h w"], half_width: float) -> Bool[np.ndarray, "h w"]:
    """The mask without thinner parts, in shares of the frame."""
    radius = max(1, round(half_width * len(mask)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel) == 1


def _joined(
    mask: Bool[np.ndarray, "h w"], head: Bool[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    """The mask's parts that touch the head."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return mask & np.isin(parts, np.unique(parts[head]))
