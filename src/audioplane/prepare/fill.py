"""Filling holes of an image smoothly: push-pull pyramid (Gortler et al. 1996)."""

import cv2
import numpy as np
from jaxtyping import Float32


def push_pull(
    image: Float32[np.ndarray, "h w c"], weight: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w c"]:
    """Fill pixels of weight 0 from their surroundings, in more detail near known ones.

    Args:
        image: any values; those of weight 0 are ignored.
        weight: 0 (unknown) to 1 (known).

    Returns:
        The image where known, a smooth continuation elsewhere; 0 if nothing is known.
    """
    known = np.concatenate([image * weight[..., None], weight[..., None]], -1)
    return _filled(known)


def _filled(known: Float32[np.ndarray, "h w c1"]) -> Float32[np.ndarray, "h w c"]:
    """As `fill`, of a weighted image with its weight as the last channel."""
    height, width = known.shape[:2]
    image, weight = known[..., :-1], known[..., -1:]
    if min(height, width) <= 2:
        mean = image.sum((0, 1)) / max(float(weight.sum()), 1e-9)
        return image + mean * (1 - weight)
    if height % 2 or width % 2:
        known = cv2.copyMakeBorder(
            known, 0, height % 2, 0, width % 2, borderType=cv2.BORDER_REPLICATE
        )
    size = (known.shape[1], known.shape[0])
    coarse = cv2.resize(known, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA)
    # Weights of blocks add up, to at most 1; the colours follow.
    total = coarse[..., -1:].copy()
    coarse *= np.minimum(1.0, 4 * total) / np.maximum(total, 1e-9)
    up = cv2.resize(_filled(coarse), size, interpolation=cv2.INTER_LINEAR)
    up = up.reshape(*known.shape[:2], -1)[:height, :width]
    up *= 1 - weight
    up += image
    return up
