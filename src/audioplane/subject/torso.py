"""Torso images for folders without any, such as AD-NeRF's."""

import numpy as np
from jaxtyping import UInt8

from audioplane.subject.labels import head_mask, torso_mask

_UNDER_HEAD = 0.1
"""How far the torso continues up under the head, as a fraction of the image's height."""
_RIM = 3
"""Pixels next to the head that carry its colour."""


def torso_below_head(
    image: UInt8[np.ndarray, "h w 3"], labels: UInt8[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 4"]:
    """Neck and torso of a frame as RGBA; each column's topmost colour continues under the head."""
    height = len(labels)
    body = torso_mask(labels)
    y = np.arange(height)[:, None]
    # Columns without a body have nothing to continue.
    top = np.where(body.any(0), body.argmax(0), 0)
    under = head_mask(labels) & (y < top) & (y >= top - round(_UNDER_HEAD * height))
    # The source of every pixel: itself, or a pixel a little below its column's top.
    source = np.where(y < top + _RIM, np.minimum(top + _RIM, height - 1), y)
    rgba = np.zeros((*labels.shape, 4), np.uint8)
    rgba[..., :3] = np.take_along_axis(image, source[..., None], axis=0)
    rgba[..., 3] = 255 * (body | under)
    rgba[..., :3] *= (rgba[..., 3:] > 0).astype(np.uint8)
    return rgba


def over(
    torso: UInt8[np.ndarray, "h w 4"], background: UInt8[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """An RGBA image composited over a background."""
    alpha = torso[..., 3:].astype(np.uint16)
    blended = torso[..., :3] * alpha + background * (255 - alpha)
    return ((blended + 127) // 255).astype(np.uint8)
