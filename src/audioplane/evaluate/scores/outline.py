"""How a render agrees with the recording about the person's outline."""

import cv2
import numpy as np
from jaxtyping import Bool

from audioplane.evaluate.scores.metrics import Image, masked_psnr

REACH = 12
"""Pixels of 512 to either side of the outline."""


def outline_band(person: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels within `REACH` of the outline of a mask."""
    radius = max(1, round(REACH * person.shape[1] / 512))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.morphologyEx(person.astype(np.uint8), cv2.MORPH_GRADIENT, kernel) > 0


def outline_psnr(image: Image, recording: Image, person: Bool[np.ndarray, "h w"]) -> float | None:
    """PSNR in the band, dB; None where the mask has no outline."""
    band = outline_band(person)
    return masked_psnr(image, recording, band) if band.any() else None
