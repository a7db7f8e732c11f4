"""Filling holes of a picture smoothly: push-pull pyramid (Gortler et al. 1996)."""

import cv2
import numpy as np
from jaxtyping import Float32


def push_pull(
    image: Float32[np.ndarray, "h w c"], weight: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w c"]:
    """Fill what has weight 0 from its surroundings, the nearer the finer.

    Args:
        image: any values; those of weight 0 are ignored.
        weight: 0 (unknown) to 1 (known).

    Returns:
        The image where known, a smooth continuation elsewhere; 0 if nothing is known.
    """
    height, width = weight.shape
    if min(height, width) <= 2:
        total = weight.sum()
        mean = (image * weight[..., None]).sum((0, 1)) / max(float(total), 1e-9)
        return image * weight[..., None] + mean * (1 - weight[..., None])
    even = ((0, height % 2), (0, width % 2))
    w = np.pad(weight, even, "edge")
    weighted = np.pad(image, (*even, (0, 0)), "edge") * w[..., None]
    coarse_w = _halve(w)
    coarse = _halve(weighted) / np.maximum(coarse_w, 1e-9)[..., None]
    filled = push_pull(coarse.astype(np.float32), np.minimum(1.0, 4 * coarse_w))
    up = cv2.resize(filled, (w.shape[1], w.shape[0]), interpolation=cv2.INTER_LINEAR)
    up = up.reshape(*w.shape, -1)[:height, :width]
    return (image * weight[..., None] + up * (1 - weight[..., None])).astype(np.float32)


def _halve(array: np.ndarray) -> np.ndarray:
    """Mean of 2 × 2 blocks."""
    return (array[::2, ::2] + array[1::2, ::2] + array[::2, 1::2] + array[1::2, 1::2]) / 4
