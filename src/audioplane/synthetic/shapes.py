"""Signed distances and noise: what the synthetic head is made of (metres, numba)."""

from typing import no_type_check

import numpy as np

from audioplane.jit import jit

QUICK = {"fastmath": True, "error_model": "numpy"}
"""How numba compiles all geometry: reordered freely, no checks for zero."""

CLOSE = 0.0004
"""Distance at which a ray counts as arrived."""


@jit(**QUICK, inline="always")
@no_type_check
def smoothstep(low, high, x):
    """0 below `low`, 1 above `high`, smooth between."""
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@jit(**QUICK, inline="always")
@no_type_check
def mix(a, b, t):
    """a at t = 0, b at t = 1."""
    return a + (b - a) * t


@jit(**QUICK, inline="always")
@no_type_check
def union(a, b, k):
    """Union of two distances, blended over about `k` metres."""
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


@jit(**QUICK, inline="always")
@no_type_check
def carve(a, b, k):
    """Distance `a` without what lies inside `b`, the edge blended over about `k` metres."""
    h = max(k - abs(a + b), 0.0) / k
    return max(a, -b) + h * h * k * 0.25


@jit(**QUICK, inline="always")
@no_type_check
def ellipsoid(x, y, z, rx, ry, rz):
    """Approximate distance to an ellipsoid about the origin."""
    k0 = np.sqrt((x / rx) ** 2 + (y / ry) ** 2 + (z / rz) ** 2)
    k1 = np.sqrt((x / rx**2) ** 2 + (y / ry**2) ** 2 + (z / rz**2) ** 2)
    return k0 * (k0 - 1.0) / (k1 + 1e-9)


@jit(**QUICK)
@no_type_check
def capsule(p, a, b, ra, rb):
    """Distance of `p` to a rod from `a` to `b` whose radius runs from `ra` to `rb`."""
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    px, py, pz = p[0] - a[0], p[1] - a[1], p[2] - a[2]
    t = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz)
    t = min(max(t, 0.0), 1.0)
    away = np.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2 + (pz - t * dz) ** 2)
    return away - mix(ra, rb, t)


@jit(**QUICK, inline="always")
@no_type_check
def _hash(i, j, k):
    """A number in [0, 1) that belongs to a lattice point."""
    h = (i * 374761393 + j * 668265263 + k * 974634777) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF) / 65536.0


@jit(**QUICK)
@no_type_check
def noise(x, y, z):
    """Smooth noise in [0, 1] with one bump per unit of length."""
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    u, v, w = x - i, y - j, z - k
    u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
    near = mix(
        mix(_hash(i, j, k), _hash(i + 1, j, k), u),
        mix(_hash(i, j + 1, k), _hash(i + 1, j + 1, k), u),
        v,
    )
    far = mix(
        mix(_hash(i, j, k + 1), _hash(i + 1, j, k + 1), u),
        mix(_hash(i, j + 1, k + 1), _hash(i + 1, j + 1, k + 1), u),
        v,
    )
    return mix(near, far, w)


@jit(**QUICK)
@no_type_check
def speckles(x, y, z, density):
    """Small round spots, one at most per unit cell, in [0, 1]; `density` of the cells have one."""
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    if _hash(i + 91, j, k) > density:
        return 0.0
    cx = i + 0.2 + 0.6 * _hash(i, j + 17, k)
    cy = j + 0.2 + 0.6 * _hash(i, j, k + 29)
    away = np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
    return 1.0 - smoothstep(0.08, 0.22, away)
