"""The pinhole camera of the fitted head, its derivatives, and the weights of robust fitting."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

FOCAL_PER_SIZE = 1100.0 / 512.0
"""Focal length over frame size."""


_BLOCK = 256
"""Frames worked on at a time; bounds the memory, and what they need stays in the cache."""


def blocks(n: int) -> Iterator[slice]:
    """All of `n` frames, block by block."""
    return (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion, pixels."""

    focal: float
    centre: float
    """Same for x and y: frames are square."""


def project(points: Float[np.ndarray, "*b k 3"], camera: Intrinsics) -> Float[np.ndarray, "*b k 2"]:
    """Points before the camera, metres, to pixels."""
    return camera.focal * points[..., :2] / points[..., 2:] + camera.centre


def to_camera(
    points: Float[np.ndarray, "*b k 3"],
    rotations: Float[np.ndarray, "n 3 3"],
    translations: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n k 3"]:
    """Head's axes to camera's axes for every frame."""
    return points @ rotations.transpose(0, 2, 1) + translations[:, None]


def huber_weights(residual: Float[np.ndarray, "n k 2"], limit: float) -> Float[np.ndarray, "n k"]:
    """Weights of iteratively reweighted least squares."""
    length = np.linalg.norm(residual, axis=-1)
    return np.minimum(1.0, limit / np.maximum(length, 1e-9))


def projection_jacobian(p: np.ndarray, camera: Intrinsics) -> Float[np.ndarray, "*b 2 3"]:
    """Derivative of pixels by the point in the camera's axes."""
    inverse = camera.focal / p[..., 2]
    jacobian = np.zeros((*p.shape[:-1], 2, 3))
    jacobian[..., 0, 0] = jacobian[..., 1, 1] = inverse
    jacobian[..., 0, 2] = -inverse * p[..., 0] / p[..., 2]
    jacobian[..., 1, 2] = -inverse * p[..., 1] / p[..., 2]
    return jacobian


def cross_matrix(v: np.ndarray) -> Float[np.ndarray, "*b 3 3"]:
    """Matrices of the cross product v × ·."""
    matrix = np.zeros((*v.shape, 3))
    matrix[..., 0, 1], matrix[..., 0, 2] = -v[..., 2], v[..., 1]
    matrix[..., 1, 0], matrix[..., 1, 2] = v[..., 2], -v[..., 0]
    matrix[..., 2, 0], matrix[..., 2, 1] = -v[..., 1], v[..., 0]
    return matrix
