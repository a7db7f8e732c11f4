"""Images over and without a background; torsos for folders without any, such as AD-NeRF's."""

from typing import no_type_check

import numpy as np
from jaxtyping import UInt8

from audioplane.jit import jit
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
    torso: UInt8[np.ndarray, "h w 4"], background: UInt8[np.ndarray, "u v 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """An RGBA image composited over a background.

    Raises `ValueError` for images of different sizes: the kernel checks no bounds.
    """
    if torso.shape[:2] != background.shape[:2]:
        raise ValueError(f"a torso of {torso.shape[:2]} over a background of {background.shape}")
    out = np.empty_like(background)
    _over(torso, background, out)
    return out


@jit()
@no_type_check
def _over(torso, background, out):
    """Fill out [h, w, 3] with torso [h, w, 4] over background."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            alpha = np.uint32(torso[y, x, 3])
            if alpha == 0 or alpha == 255:  # nearly everywhere
                front = torso if alpha else background
                for c in range(3):
                    out[y, x, c] = front[y, x, c]
                continue
            for c in range(3):
                behind = np.uint32(background[y, x, c]) * (np.uint32(255) - alpha)
                value = np.uint32(torso[y, x, c]) * alpha + behind
                out[y, x, c] = np.uint8((value + np.uint32(127)) // np.uint32(255))


def without_background(
    image: UInt8[np.ndarray, "h w 3"],
    alpha: UInt8[np.ndarray, "h w"],
    background: UInt8[np.ndarray, "h w 3"],
) -> UInt8[np.ndarray, "h w 3"]:
    """What remains of a composite: its front's colours times alpha.

    Raises `ValueError` for images of different sizes: the kernel checks no bounds.
    """
    if not image.shape[:2] == alpha.shape == background.shape[:2]:
        raise ValueError(f"an image of {image.shape[:2]} on a background of {background.shape}")
    out = np.zeros_like(image)
    _without(image, alpha, background, out)
    return out


@jit()
@no_type_check
def _without(image, alpha, background, out):
    """Fill out [h, w, 3], zeros, where alpha is not."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            if alpha[y, x] == 0:
                continue
            clear = 255 - np.int32(alpha[y, x])
            for c in range(3):
                behind = (clear * np.int32(background[y, x, c]) + 127) // 255
                out[y, x, c] = np.uint8(max(0, np.int32(image[y, x, c]) - behind))
