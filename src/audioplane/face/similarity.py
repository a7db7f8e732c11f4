"""The similarity (rotation, scale and shift) that maps one set of points onto another.

Least squares, after Umeyama 1991; in two or three dimensions, without mirroring.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Similarity:
    """The map x ↦ s R x + t."""

    rotation: Float[np.ndarray, "d d"]
    """R, with determinant 1."""
    scale: float
    """s."""
    shift: Float[np.ndarray, " d"]
    """t, in the unit of the target."""

    def __call__(self, points: Float[np.ndarray, "*b d"]) -> Float[np.ndarray, "*b d"]:
        """The mapped points."""
        return self.scale * points @ self.rotation.T + self.shift

    def matrix(self) -> Float[np.ndarray, "d d1"]:
        """[s R | t], as for OpenCV's affine warps."""
        return np.concatenate([self.scale * self.rotation, self.shift[:, None]], axis=1)


def fit_similarity(
    source: Float[np.ndarray, "k d"], target: Float[np.ndarray, "k d"]
) -> Similarity:
    """The similarity that minimises Σ |s R source + t − target|².

    Args:
        source: k points that are not all the same.
        target: where they should lie.
    """
    mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - mean, target - target_mean
    u, values, vt = np.linalg.svd(b.T @ a)
    signs = np.ones(len(values))
    signs[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs) @ vt
    scale = float((values * signs).sum() / (a**2).sum())
    return Similarity(rotation, scale, target_mean - scale * rotation @ mean)
