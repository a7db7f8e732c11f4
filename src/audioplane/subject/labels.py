"""Parsing labels and their colours in `parsing/{i}.png` (RGB, in prior work's colours)."""

from enum import IntEnum

import cv2
import numpy as np
from jaxtyping import Bool, UInt8


class Label(IntEnum):
    """The part that a pixel shows."""

    BACKGROUND = 0
    HEAD = 1
    NECK = 2
    TORSO = 3
    MOUTH = 4
    HAIR = 5


COLOURS = np.array(
    [[255, 255, 255], [0, 0, 255], [0, 255, 0], [255, 0, 0], [100, 100, 100], [0, 0, 0]],
    dtype=np.uint8,
)
"""RGB of each `Label`, by its value."""


def paint_labels(labels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Colour a label map."""
    return COLOURS[labels]


def _nearest_labels() -> UInt8[np.ndarray, "16 16 16"]:
    """Label of the nearest colour for each RGB cube of 16 levels a side."""
    levels = np.arange(16, dtype=np.int32) * 17
    cubes = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1)
    distance = np.abs(cubes[..., None, :] - COLOURS.astype(np.int32)).sum(-1)
    return distance.argmin(-1).astype(np.uint8)


_NEAREST = _nearest_labels()


def read_labels(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    """Label map of a coloured one; a colour in between gets the nearest label."""
    levels = image >> 4
    return _NEAREST[levels[..., 0], levels[..., 1], levels[..., 2]]


def head_mask(labels: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels that the head's Gaussians have to explain: face, hair and mouth interior."""
    return (labels == Label.HEAD) | (labels == Label.MOUTH) | (labels == Label.HAIR)


def torso_mask(labels: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels of neck and torso."""
    return (labels == Label.NECK) | (labels == Label.TORSO)


def person_mask(labels: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels of the whole person."""
    return labels != Label.BACKGROUND


def nearer(
    mask: Bool[np.ndarray, "h w"], other: Bool[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    """Pixels that are nearer to one mask than to the other."""
    away = (cv2.distanceTransform((~m).view(np.uint8), cv2.DIST_L2, 5) for m in (mask, other))
    return np.less(*away)


def head_on_torso(labels: UInt8[np.ndarray, "h w"]) -> float:
    """Length along which head and torso touch, over the head's width; 0 without a head.

    A short-haired head meets the neck; hair that falls onto shoulders is cut through along the
    torso.
    """
    head, torso = head_mask(labels), labels == Label.TORSO
    columns = np.flatnonzero(head.any(0))
    if not len(columns):
        return 0.0
    pairs = ((head[:-1], torso[1:]), (head[1:], torso[:-1]))
    pairs += ((head[:, :-1], torso[:, 1:]), (head[:, 1:], torso[:, :-1]))
    return float(sum(np.sum(a & b) for a, b in pairs) / (columns[-1] - columns[0] + 1))
