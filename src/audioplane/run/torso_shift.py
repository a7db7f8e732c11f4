"""A recorded torso moved in the image to where its body is in another frame."""

from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from audioplane.jit import jit

BODY_POINTS = np.array([[-0.16, 0.22, 0], [0.16, 0.22, 0], [0, 0.2, -0.05]])
"""Shoulders and collar, metres, as `projected` takes them."""


def projected(
    points: Float[np.ndarray, "p 3"], views: Float[np.ndarray, "n 4 4"], K: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "n p 2"]:
    """Pixels of points that are given with x to the image's right, y down, z into the head: prior
    work's heads have y up and z towards the camera."""
    axes = np.sign(np.einsum("nii->i", views[:, :3, :3]))
    seen = np.einsum("nij,pj->npi", views[:, :3, :3], points * axes) + views[:, None, :3, 3]
    seen = seen @ K.T
    return seen[..., :2] / seen[..., 2:]


def shift(
    source: Float[np.ndarray, "4 4"], target: Float[np.ndarray, "4 4"], K: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "2 3"]:
    """The similarity of the image that takes a body from where it is under one view (`View.body`)
    to where it is under another, as OpenCV takes it."""
    points = projected(BODY_POINTS, np.stack([source, target]), K)
    before, after = points[..., 0] + 1j * points[..., 1]
    about = before - before.mean()
    turn = np.vdot(about, after - after.mean()) / np.vdot(about, about)
    moved = after.mean() - turn * before.mean()
    return np.array([
        [turn.real, -turn.imag, moved.real],
        [turn.imag, turn.real, moved.imag],
    ])  # fmt: skip


def shifted(
    torso: UInt8[np.ndarray, "h w 4"], matrix: Float[np.ndarray, "2 3"]
) -> Float[np.ndarray, "h w 4"]:
    """A torso after a shift, its colours times its alpha; the image's edges repeat beyond it."""
    image = np.empty(torso.shape, np.float32)
    _times_alpha(torso, image)
    size = torso.shape[1], torso.shape[0]
    return cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


@jit()
@no_type_check
def _times_alpha(torso, out):
    """Fill out [h, w, 4] with torso, its colours times its alpha."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            alpha = np.float32(torso[y, x, 3])
            for c in range(3):
                out[y, x, c] = np.float32(torso[y, x, c]) * alpha / np.float32(255)
            out[y, x, 3] = alpha


def mixed(
    one: Float[np.ndarray, "h w 4"], other: Float[np.ndarray, "u v 4"], weight: float
) -> UInt8[np.ndarray, "h w 4"]:
    """Of two torsos after their shifts, of the same size, a share `weight` (0 to 1) of the other.

    Raises `ValueError` for different sizes: the kernel checks no bounds.
    """
    if one.shape != other.shape:
        raise ValueError(f"torsos of {one.shape} and {other.shape} cannot be mixed")
    out = np.empty(one.shape, np.uint8)
    _mix(one, other, np.float32(weight), out)
    return out


@jit()
@no_type_check
def _mix(one, other, weight, out):
    """Fill out [h, w, 4], colours no longer times alpha."""
    keep, half, top = np.float32(1) - weight, np.float32(0.5), np.float32(255)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            alpha = keep * one[y, x, 3] + weight * other[y, x, 3]
            scale = top / max(alpha, np.float32(1))
            for c in range(3):
                value = (keep * one[y, x, c] + weight * other[y, x, c]) * scale
                out[y, x, c] = np.uint8(min(value + half, top))
            out[y, x, 3] = np.uint8(min(alpha + half, top))
