"""Flicker of the head's outline against the background: its change beyond the head's own motion."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from audioplane.prepare.masks.frames import MaskedFrame
from audioplane.prepare.masks.head_frame import HeadFrame
from audioplane.subject.labels import Label, head_mask

_APART = 2.0
"""Least distance that a pixel of the outline must jump to count, pixels at size 512."""


@dataclass(frozen=True)
class Outline:
    """One frame's outline."""

    img_id: int
    shot: int
    edge: Bool[np.ndarray, "h w"]
    """Pixels of the head that touch the background."""
    head: HeadFrame


def head_outline(frame: MaskedFrame, labels: UInt8[np.ndarray, "h w"]) -> Outline:
    """The outline in a label map, without the jaw line over the neck, which speech moves."""
    touched = cv2.dilate((labels == Label.BACKGROUND).astype(np.uint8), np.ones((3, 3), np.uint8))
    edge = head_mask(labels) & (touched == 1)
    return Outline(frame.img_id, frame.shot, edge, frame.head)


def flickering(before: Outline, now: Outline) -> float | None:
    """Share of the outline's pixels more than 2 px (of 512) from the next frame's outline, once
    the head's turn, scale and shift in the image are applied.

    None where the frames do not follow one another in one shot, or show no outline.
    """
    if now.img_id != before.img_id + 1 or now.shot != before.shot:
        return None
    size = len(now.edge)
    turn = before.head.onto(now.head)
    places = np.argwhere(before.edge)[:, ::-1] @ turn[:, :2].T + turn[:, 2]
    at = np.rint(places).astype(int)
    at = at[((at >= 0) & (at < size)).all(-1)]  # pixels that leave the image do not flicker
    if not len(at) or not now.edge.any():
        return None
    away = cv2.distanceTransform((~now.edge).astype(np.uint8), cv2.DIST_L2, 3)
    return float((away[at[:, 1], at[:, 0]] > _APART * size / 512).mean())
