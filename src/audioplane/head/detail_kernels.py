"""Numba kernel that adds a detail map to a frame (`head/detail.py`)."""

from typing import no_type_check

import numpy as np
from numba import prange

from audioplane.jit import jit

STEP = 8
"""Pixels between the vertices of the mesh."""
LEVEL = 0.25
"""What one unit of the texture is in a byte's values."""
ROUNDS = 4
"""Steps of the fixed point that finds what a vertex of the image shows of the reference: the mesh
moves little from one vertex to the next, so each step gains a digit."""
_STEP, _HALF, _ZERO, _ONE = np.float32(STEP), np.float32(0.5), np.float32(0), np.float32(1)
_UNIT = np.float32(LEVEL / 255)
_CHUNK = 256


@jit()
@no_type_check
def _between(values, x, y):
    """Bilinear value (x, y) at a place of a grid [r, c, 2]; beyond its border, the border's."""
    rows, columns = values.shape[:2]
    x, y = min(max(x, _ZERO), np.float32(columns - 1)), min(max(y, _ZERO), np.float32(rows - 1))
    left, top = min(int(x), columns - 2), min(int(y), rows - 2)
    a, b = x - np.float32(left), y - np.float32(top)
    one, two = (_ONE - b) * (_ONE - a), (_ONE - b) * a
    three, four = b * (_ONE - a), b * a
    above, below = values[top], values[top + 1]
    right = left + 1
    return (
        one * above[left, 0]
        + two * above[right, 0]
        + three * below[left, 0]
        + four * below[right, 0],
        one * above[left, 1]
        + two * above[right, 1]
        + three * below[left, 1]
        + four * below[right, 1],
    )


@jit()
@no_type_check
def _shade(texture, x, y):
    """Bilinear value of a texture in a ring of zeros at a place in pixels; nothing beyond."""
    x, y = x + _HALF, y + _HALF
    height, width = texture.shape
    if not (_ZERO <= x < np.float32(width - 1) and _ZERO <= y < np.float32(height - 1)):
        return _ZERO
    left, top = np.int32(x), np.int32(y)
    a, b = x - np.float32(left), y - np.float32(top)
    above, below = texture[top], texture[top + 1]
    first = (_ONE - a) * np.float32(above[left]) + a * np.float32(above[left + 1])
    second = (_ONE - a) * np.float32(below[left]) + a * np.float32(below[left + 1])
    return (_ONE - b) * first + b * second


@jit()
@no_type_check
def _shade_row(texture, seen, y, image, clear):
    """Add what row `y` of the image shows of the texture, the pixels between two vertices at a
    time."""
    columns, width = seen.shape[1], texture.shape[1] - 2
    row = (np.float32(y) + _HALF) / _STEP
    top = int(row)
    b = row - np.float32(top)
    x0 = (_ONE - b) * seen[top, 0, 0] + b * seen[top + 1, 0, 0]
    y0 = (_ONE - b) * seen[top, 0, 1] + b * seen[top + 1, 0, 1]
    for c in range(columns - 1):
        x1 = (_ONE - b) * seen[top, c + 1, 0] + b * seen[top + 1, c + 1, 0]
        y1 = (_ONE - b) * seen[top, c + 1, 1] + b * seen[top + 1, c + 1, 1]
        for x in range(c * STEP, min((c + 1) * STEP, width)):
            if clear[x] < _ONE:
                a = (np.float32(x - c * STEP) + _HALF) / _STEP
                shade = _shade(texture, x0 + a * (x1 - x0), y0 + a * (y1 - y0))
                added = _UNIT * (_ONE - clear[x]) * shade
                for plane in range(3):
                    image[plane, y, x] += added
        x0, y0 = x1, y1


@jit(parallel=True)
@no_type_check
def _project(means, viewmat, K):
    """Where points are in the image, pixels [n, 2]."""
    points = np.empty((len(means), 2), np.float32)
    for chunk in prange((len(means) + _CHUNK - 1) // _CHUNK):
        for i in range(chunk * _CHUNK, min(len(means), (chunk + 1) * _CHUNK)):
            u, v, z = viewmat[0, 3], viewmat[1, 3], viewmat[2, 3]
            for axis in range(3):
                u += viewmat[0, axis] * means[i, axis]
                v += viewmat[1, axis] * means[i, axis]
                z += viewmat[2, axis] * means[i, axis]
            points[i, 0], points[i, 1] = K[0, 0] * u / z + K[0, 2], K[1, 1] * v / z + K[1, 2]
    return points


@jit(parallel=True)
@no_type_check
def add_detail(detail, means, viewmat, K, image, transmittance):
    """Add a detail map to the first three planes of `image` [c, h, …], as far as the head covers.

    detail holds the texture in a ring of zeros, carriers, weights and origins
    (`DetailMap.arrays`); means are all Gaussians' where they are drawn.
    """
    texture, carriers, weights, origins = detail
    rows, columns, n = carriers.shape
    points = _project(means, viewmat, K)
    moved, seen = np.empty((2, rows, columns, 2), np.float32)
    for r in prange(rows):
        for c in range(columns):
            x, y = -origins[r, c, 0], -origins[r, c, 1]
            for k in range(n):
                i, share = carriers[r, c, k], weights[r, c, k]
                x += share * points[i, 0]
                y += share * points[i, 1]
            moved[r, c, 0], moved[r, c, 1] = x, y
    for r in prange(rows):
        for c in range(columns):
            own_x, own_y = np.float32(c) * _STEP, np.float32(r) * _STEP
            x, y = own_x, own_y
            for _ in range(ROUNDS):
                found = _between(moved, x / _STEP, y / _STEP)
                x, y = own_x - found[0], own_y - found[1]
            seen[r, c, 0], seen[r, c, 1] = x, y
    for y in prange(len(texture) - 2):
        _shade_row(texture, seen, y, image, transmittance[y])
