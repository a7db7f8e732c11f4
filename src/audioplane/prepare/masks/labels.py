"""The label map of a frame.

The jaw line of the frame's own landmarks separates head and body, because the head's Gaussians
have to explain everything that is labelled head.
"""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from audioplane.face.landmarker import INNER_LIP
from audioplane.prepare.masks.colours import skin_like
from audioplane.prepare.masks.frames import MaskedFrame
from audioplane.prepare.masks.geometry import head_side, jaw_flesh, neck_zone, polygon_mask
from audioplane.prepare.masks.hair import hanging
from audioplane.subject.labels import Label

_THREAD = 0.008
"""Half the width below which a piece is too thin for a body, share of the frame."""
_SPECK = 0.003
"""Share of the frame below which a piece that does not reach its edge is no body."""


def label_frame(frame: MaskedFrame) -> UInt8[np.ndarray, "h w"]:
    """Label map of one frame."""
    size = len(frame.image)
    landmarks = frame.landmarks
    person = frame.mask.person > 0.5
    skin = skin_like(frame.image, landmarks)
    head = person & (head_side(landmarks, size) | (jaw_flesh(landmarks, size) & skin))
    if frame.mask.hair is not None:
        head |= hanging(frame.mask.hair & person, head, landmarks)
        head |= _fringe(person & ~head)
    labels = np.full((size, size), Label.BACKGROUND, np.uint8)
    labels[person] = Label.TORSO
    neck = person & neck_zone(landmarks, size)
    if frame.mask.clothes is not None:
        neck &= ~frame.mask.clothes
    else:
        neck &= skin
    labels[neck] = Label.NECK
    labels[head] = Label.HEAD
    if frame.mask.clothes is not None and frame.mask.hair is not None:
        labels[head & frame.mask.hair] = Label.HAIR
    mouth = polygon_mask(frame.points[list(INNER_LIP), :2], size)
    labels[mouth & head] = Label.MOUTH
    return labels


def _fringe(body: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Threads and specks among the body's pixels: edges of hair in front of a wall."""
    radius = max(1, round(_THREAD * len(body)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = cv2.erode(body.astype(np.uint8), kernel)
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(solid)
    edge = np.unique(np.concatenate([parts[-1], parts[:, 0], parts[:, -1]]))
    large = [k for k in range(1, count) if sizes[k, cv2.CC_STAT_AREA] > _SPECK * body.size]
    kept = np.isin(parts, np.setdiff1d(np.union1d(edge, large), [0])).astype(np.uint8)
    return body & (cv2.dilate(kept, kernel, iterations=2) == 0)
