"""Classification of pixels by colour: the cheeks' hue, and two sets of colours from a video."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.ndimage import gaussian_filter

from audioplane.prepare.masks.geometry import polygon_mask

_SKIN_SPREAD = 3.0
"""Standard deviations from the cheeks' mean colour at which skin ends."""
_BINS = 32
"""Of each channel."""
_BLUR = 1.2
"""Spread of a counted colour, bins."""
_DOUBT = 2e-3
"""Probability added to both sets, so that an unseen colour decides little."""
_MOST = 2.5
"""Bound on the log odds of a pixel."""


def skin_like(
    image: UInt8[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "68 2"]
) -> Bool[np.ndarray, "h w"]:
    """Pixels whose hue is that of the cheeks, in light or shade."""
    size = len(image)
    half = cv2.resize(image, (size // 2, size // 2), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(half, cv2.COLOR_RGB2LAB)[..., 1:].astype(np.float32)
    cheeks = np.concatenate([landmarks[[2, 3, 4, 48, 31]], landmarks[[35, 54, 12, 13, 14]]])
    seen = lab[polygon_mask(cheeks.astype(np.float64) / 2, size // 2)]
    if not len(seen):
        return np.zeros((size, size), bool)
    spread = np.clip(seen.std(0), 2.5, 5.0)
    away = (np.abs(lab - np.median(seen, axis=0)) / spread).max(-1, initial=0)
    smooth = cv2.GaussianBlur((away < _SKIN_SPREAD).astype(np.float32), (0, 0), 1.5)
    return cv2.resize(smooth, (size, size), interpolation=cv2.INTER_LINEAR) > 0.5


def learn_odds(
    one: UInt8[np.ndarray, "n 3"], other: UInt8[np.ndarray, "m 3"]
) -> Float32[np.ndarray, "b b b"]:
    """Log odds, by colour, that a pixel is of the one set and not of the other."""
    on, off = (np.log(_density(colours) + _DOUBT) for colours in (one, other))
    return np.clip(on - off, -_MOST, _MOST)


def apply_odds(
    odds: Float32[np.ndarray, "b b b"], image: UInt8[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h w"]:
    """Log odds of every pixel."""
    return odds.ravel()[_bins(image)]


def _bins(colours: UInt8[np.ndarray, "*s 3"]) -> np.ndarray:
    coarse = (colours // (256 // _BINS)).astype(np.int32)
    return (coarse[..., 0] * _BINS + coarse[..., 1]) * _BINS + coarse[..., 2]


def _density(colours: UInt8[np.ndarray, "n 3"]) -> Float32[np.ndarray, "b b b"]:
    """Blurred counts over their maximum, so that a varied set's rare colours still count."""
    count = np.bincount(_bins(colours), minlength=_BINS**3).astype(np.float32)
    blurred = gaussian_filter(count.reshape(_BINS, _BINS, _BINS), _BLUR)
    return blurred / max(float(blurred.max()), 1e-9)
