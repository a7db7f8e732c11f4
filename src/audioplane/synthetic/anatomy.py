"""The head at rest, mouth shut and eyes to come: skin and hair as distances on a grid.

Axes of the head: origin at its centre, x to the image's right, y down, z away from the viewer
(the face looks towards −z); metres. The shape at rest costs some 30 primitives a point, so it is
sampled once; what moves (jaw, lips, lids) is laid over it in `face.py`.
"""

from functools import lru_cache
from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import prange

from audioplane.jit import jit
from audioplane.synthetic.shapes import QUICK, capsule, carve, ellipsoid, smoothstep, union

CELL = 0.002
"""Distance between grid points."""
ORIGIN = (-0.104, -0.160, -0.136)
"""The grid's first point, x y z."""
SHAPE = (138, 150, 105)
"""Grid points along z, y, x."""


@jit(**QUICK)
@no_type_check
def _skull(x, y, z):
    d = ellipsoid(x, y + 0.030, z - 0.016, 0.072, 0.084, 0.090)
    d = union(d, ellipsoid(x, y - 0.016, z + 0.020, 0.065, 0.082, 0.066), 0.03)
    d = union(d, ellipsoid(x, y - 0.060, z + 0.030, 0.047, 0.046, 0.048), 0.025)
    d = union(d, ellipsoid(x, y - 0.094, z + 0.066, 0.019, 0.015, 0.016), 0.022)
    side = abs(x)
    d = union(d, ellipsoid(side - 0.038, y - 0.034, z + 0.056, 0.026, 0.024, 0.026), 0.02)
    d = union(d, ellipsoid(side - 0.028, y + 0.024, z + 0.066, 0.030, 0.011, 0.018), 0.02)
    d = union(d, ellipsoid(x, y - 0.066, z + 0.062, 0.031, 0.026, 0.029), 0.018)
    return carve(d, ellipsoid(side - 0.033, y, z + 0.094, 0.019, 0.014, 0.020), 0.014)


@jit(**QUICK)
@no_type_check
def _nose(x, y, z):
    d = capsule((x, y, z), (0.0, -0.016, -0.079), (0.0, 0.033, -0.101), 0.0062, 0.0085)
    d = union(d, ellipsoid(x, y - 0.036, z + 0.104, 0.0105, 0.0098, 0.0110), 0.008)
    d = union(d, ellipsoid(abs(x) - 0.0105, y - 0.040, z + 0.093, 0.0066, 0.0062, 0.0095), 0.006)
    return d


@jit(**QUICK)
@no_type_check
def _ear(x, y, z):
    x, y, z = abs(x) - 0.074, y - 0.012, z - 0.012
    # Ears lean back and stand off the head at their rear edge.
    y, z = y * 0.97 + z * 0.24, z * 0.97 - y * 0.24
    x = x - 0.30 * z
    d = ellipsoid(x, y, z, 0.0075, 0.030, 0.018)
    return carve(d, ellipsoid(x - 0.008, y - 0.001, z + 0.003, 0.0065, 0.019, 0.0105), 0.005)


@jit(**QUICK)
@no_type_check
def skin_distance(x, y, z):
    """Skin at rest: skull, nose and ears."""
    d = union(_skull(x, y, z), _nose(x, y, z), 0.012)
    d = union(d, _ear(x, y, z), 0.010)
    nostril = ellipsoid(abs(x) - 0.0062, y - 0.0465, z + 0.099, 0.0034, 0.0030, 0.0046)
    return carve(d, nostril, 0.002)


@jit(**QUICK)
@no_type_check
def hair_distance(x, y, z):
    """Hair: a cap over the skull, open at the face and around the ears, with a swept fringe."""
    cap = ellipsoid(x, y + 0.036, z - 0.018, 0.0820, 0.094, 0.099)
    face = ellipsoid(x - 0.004, y - 0.030, z + 0.110, 0.069, 0.094, 0.100)
    cap = carve(cap, face, 0.012)
    # Below the ears' middle hair remains only at the nape.
    low = y - 0.010 - 0.060 * smoothstep(0.01, 0.07, z)
    cap = -union(-cap, -low, 0.012)
    ear = ellipsoid(abs(x) - 0.083, y - 0.012, z - 0.014, 0.020, 0.033, 0.023)
    cap = carve(cap, ear, 0.008)
    fringe = capsule((x, y, z), (0.030, -0.090, -0.042), (-0.040, -0.076, -0.056), 0.017, 0.025)
    fringe = union(
        fringe,
        capsule((x, y, z), (-0.036, -0.080, -0.054), (-0.066, -0.034, -0.030), 0.022, 0.010),
        0.03,
    )
    other = capsule((x, y, z), (0.030, -0.090, -0.042), (0.066, -0.040, -0.030), 0.017, 0.010)
    return union(cap, union(fringe, other, 0.010), 0.034)


@jit(**QUICK, parallel=True)
@no_type_check
def _sample_fields(origin, cell, out):
    for k in prange(out.shape[0]):
        z = origin[2] + k * cell
        for j in range(out.shape[1]):
            y = origin[1] + j * cell
            for i in range(out.shape[2]):
                x = origin[0] + i * cell
                out[k, j, i, 0] = skin_distance(x, y, z)
                out[k, j, i, 1] = hair_distance(x, y, z)


@lru_cache(maxsize=1)
def head_field() -> Float32[np.ndarray, "z y x 2"]:
    """Distances to skin and hair at the points of the grid, metres."""
    field = np.empty((*SHAPE, 2), np.float32)
    _sample_fields(ORIGIN, CELL, field)
    return field


@jit(**QUICK)
@no_type_check
def sample_field(field, x, y, z):
    """Skin and hair distance at a point; outside the grid the way to the grid is added."""
    fx, fy, fz = (x - ORIGIN[0]) / CELL, (y - ORIGIN[1]) / CELL, (z - ORIGIN[2]) / CELL
    cx = min(max(fx, 0.0), SHAPE[2] - 1.001)
    cy = min(max(fy, 0.0), SHAPE[1] - 1.001)
    cz = min(max(fz, 0.0), SHAPE[0] - 1.001)
    out = CELL * np.sqrt((fx - cx) ** 2 + (fy - cy) ** 2 + (fz - cz) ** 2)
    i, j, k = int(cx), int(cy), int(cz)
    u, v, w = cx - i, cy - j, cz - k
    skin = 0.0
    hair = 0.0
    for dk in range(2):
        wk = w if dk else 1.0 - w
        for dj in range(2):
            wj = wk * (v if dj else 1.0 - v)
            for di in range(2):
                wi = wj * (u if di else 1.0 - u)
                skin += wi * field[k + dk, j + dj, i + di, 0]
                hair += wi * field[k + dk, j + dj, i + di, 1]
    return skin + out, hair + out
