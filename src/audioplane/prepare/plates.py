"""Stage plates: the background without the person, and the torso without the head.

Both are what a head is composited over. The torso image reaches up under the chin, because a
rendered chin may lift above where it was filmed: the continuation is the neck as it was seen in
other frames (a temporal median), tinted so that it meets the neck of this frame without a seam.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from audioplane.prepare.fill import push_pull
from audioplane.prepare.geometry import FaceFrame, polygon_mask
from audioplane.subject.labels import Label, head_mask, torso_mask

MEDIAN_FRAMES = 90
"""Frames that a temporal median is taken over."""
_LEAST_SEEN = 2
"""Frames in which a pixel must be seen before its median is believed."""
_EDGE = 1.2
"""Softness of mattes, standard deviation in pixels at size 512."""
_UNDER_CHIN = 0.32
"""How far the torso continues up under the chin, face heights."""
_UNDER_HEAD = 0.05
"""How far it continues under the rest of the head, face heights."""


@dataclass(frozen=True)
class StillPlate:
    """A temporal median and where it was seen."""

    image: Float32[np.ndarray, "h w 3"]
    """0–255; filled smoothly where nothing was seen."""
    seen: Bool[np.ndarray, "h w"]


def masked_median(
    images: UInt8[np.ndarray, "n h w 3"], masks: Bool[np.ndarray, "n h w"]
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Median over the frames in which each pixel's mask is set, and where there are enough."""
    count = masks.sum(0)
    median = np.zeros(images.shape[1:], np.uint8)
    for row in range(0, images.shape[1], 32):  # bounds the memory of the sorted copy
        block = slice(row, row + 32)
        values = images[:, block].astype(np.uint16)
        values[~masks[:, block]] = 256
        values.sort(axis=0)
        middle = np.maximum(count[block] - 1, 0) // 2
        picked = np.take_along_axis(values, middle[None, ..., None], axis=0)[0]
        median[block] = np.minimum(picked, 255)
    return median, count >= _LEAST_SEEN


def background_plate(
    images: UInt8[np.ndarray, "n h w 3"], labels: UInt8[np.ndarray, "n h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """The background; where the person always stood it is continued smoothly."""
    margin = max(3, round(len(images[0]) / 64))
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    free = np.stack(
        [cv2.dilate((m != Label.BACKGROUND).astype(np.uint8), kernel) == 0 for m in labels]
    )
    median, seen = masked_median(images, free)
    filled = push_pull(median.astype(np.float32), seen.astype(np.float32))
    return np.clip(np.round(filled), 0, 255).astype(np.uint8)


def torso_plate(
    images: UInt8[np.ndarray, "n h w 3"], labels: UInt8[np.ndarray, "n h w"]
) -> StillPlate:
    """Neck and torso as they are seen over time, continued upward where never seen."""
    kernel = np.ones((5, 5), np.uint8)
    masks = np.stack([cv2.erode(torso_mask(m).astype(np.uint8), kernel) == 1 for m in labels])
    median, seen = masked_median(images, masks)
    filled = push_pull(median.astype(np.float32), seen.astype(np.float32))
    return StillPlate(filled, seen)


def over_background(
    image: UInt8[np.ndarray, "h w 3"],
    labels: UInt8[np.ndarray, "h w"],
    background: UInt8[np.ndarray, "h w 3"],
) -> UInt8[np.ndarray, "h w 3"]:
    """The person before the plate, with a soft edge."""
    alpha = soft(labels != Label.BACKGROUND)[..., None]
    mixed = image * alpha + background * (1 - alpha)
    return np.round(mixed).astype(np.uint8)


def soft(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """A mask with an edge of one or two pixels."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _EDGE * len(mask) / 512)


def torso_image(
    image: UInt8[np.ndarray, "h w 3"],
    labels: UInt8[np.ndarray, "h w"],
    landmarks: Float32[np.ndarray, "68 2"],
    plate: StillPlate,
) -> UInt8[np.ndarray, "h w 4"]:
    """Neck and torso as RGBA, continued under the head."""
    torso = torso_mask(labels)
    under = _under_head(labels, torso, landmarks)
    # Pixels next to the head carry its colour; they are painted anew with those under it.
    rim = cv2.dilate(head_mask(labels).astype(np.uint8), np.ones((5, 5), np.uint8)) == 1
    edge = cv2.dilate((labels == Label.BACKGROUND).astype(np.uint8), np.ones((5, 5), np.uint8))
    known = torso & ~rim & (edge == 0)
    tint = push_pull(image - plate.image, known.astype(np.float32))
    painted = np.clip(plate.image + tint, 0, 255)
    keep = soft(torso & ~rim)[..., None]
    colour = np.where(torso[..., None], image * keep + painted * (1 - keep), painted)
    alpha = soft(torso | under)
    rgba = np.concatenate([colour, 255 * alpha[..., None]], -1)
    return np.round(rgba).astype(np.uint8)


def _under_head(
    labels: UInt8[np.ndarray, "h w"],
    torso: Bool[np.ndarray, "h w"],
    landmarks: Float32[np.ndarray, "68 2"],
) -> Bool[np.ndarray, "h w"]:
    """Head pixels that the torso is continued to: deep under the chin, a little elsewhere."""
    frame = FaceFrame.of(landmarks)
    size = len(labels)
    radius = max(1, round(_UNDER_HEAD * frame.h))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    near = cv2.dilate(torso.astype(np.uint8), kernel) == 1
    jaw = landmarks[4:13].astype(np.float64)
    lifted = jaw[::-1] - _UNDER_CHIN * frame.h * frame.v
    middle = lifted.mean(0)
    lifted = middle + 0.85 * (lifted - middle)
    chin = polygon_mask(np.concatenate([jaw, lifted]), size)
    return (near | chin) & head_mask(labels)


def pick_frames(usable: Iterable[int], n: int = MEDIAN_FRAMES) -> list[int]:
    """At most `n` frames, evenly spread."""
    frames = list(usable)
    if len(frames) <= n:
        return frames
    return [frames[i] for i in np.linspace(0, len(frames) - 1, n).round().astype(int)]
