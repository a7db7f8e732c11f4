"""Long hair: it grows on the head, falls over the ears and lies on the shoulders.

It is one shape at rest, where the axes of head and body coincide, sampled once on a grid. In other
poses it is skinned between the two: with G the way from head to body axes, a point x of it is at
(1 − w) G x + w x in body axes, its weight w from 0 at the scalp to 1 on the shoulders.
"""

from functools import lru_cache
from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import prange

from audioplane.jit import jit
from audioplane.synthetic.anatomy import hair_distance
from audioplane.synthetic.shapes import QUICK, capsule, noise, smoothstep, union

CELL = 0.003
"""Distance between grid points, metres."""
ORIGIN = (-0.156, -0.162, -0.132)
"""The grid's first point, x y z."""
SHAPE = (111, 158, 105)
"""Grid points along z, y, x."""
LOOSE, LYING = 0.035, 0.190
"""y at rest where hair begins to leave the head's movement, and where it only has the body's."""

# x, y, z and radius of points along the locks of one side, metres; the other side mirrors them.
_LOCKS = (
    (
        (0.062, -0.062, -0.020, 0.016),
        (0.083, 0.000, -0.012, 0.019),
        (0.084, 0.060, -0.004, 0.021),
        (0.079, 0.120, -0.004, 0.022),
        (0.086, 0.185, -0.008, 0.021),
        (0.082, 0.225, -0.020, 0.016),
        (0.087, 0.265, -0.028, 0.005),
    ),
    (
        (0.072, -0.050, 0.020, 0.018),
        (0.092, 0.010, 0.018, 0.021),
        (0.099, 0.075, 0.018, 0.024),
        (0.106, 0.130, 0.014, 0.024),
        (0.108, 0.180, 0.002, 0.021),
        (0.116, 0.215, -0.004, 0.015),
        (0.113, 0.248, -0.014, 0.005),
    ),
    (
        (0.060, -0.030, 0.070, 0.026),
        (0.076, 0.040, 0.066, 0.030),
        (0.088, 0.110, 0.072, 0.030),
        (0.098, 0.160, 0.104, 0.024),
        (0.100, 0.250, 0.130, 0.012),
    ),
    (
        (0.024, -0.020, 0.092, 0.030),
        (0.030, 0.080, 0.090, 0.036),
        (0.040, 0.160, 0.116, 0.034),
        (0.044, 0.270, 0.140, 0.018),
    ),
)
_SEGMENTS = np.array([(*a, *b) for lock in _LOCKS for a, b in zip(lock, lock[1:], strict=False)])


@jit(**QUICK)
@no_type_check
def _locks_distance(segments, x, y, z):
    # The image-right side falls a little lower, and all waves a little.
    y = y - 0.014 * smoothstep(-0.05, 0.05, x) * smoothstep(0.10, 0.25, y)
    wave = 0.004 * smoothstep(0.0, 0.08, y)
    side = abs(x) + wave * np.sin(52.0 * y + 25.0 * z + (0.0 if x < 0 else 1.2))
    z = z + 0.7 * wave * np.sin(44.0 * y + 1.0)
    d = 1.0
    for i in range(len(segments)):
        s = segments[i]
        d = union(
            d, capsule((side, y, z), (s[0], s[1], s[2]), (s[4], s[5], s[6]), s[3], s[7]), 0.012
        )
    return d


@jit(**QUICK, parallel=True)
@no_type_check
def _sample(segments, origin, cell, out):
    for k in prange(out.shape[0]):
        z = origin[2] + k * cell
        for j in range(out.shape[1]):
            y = origin[1] + j * cell
            for i in range(out.shape[2]):
                x = origin[0] + i * cell
                locks = _locks_distance(segments, x, y, z)
                out[k, j, i] = union(hair_distance(x, y, z) - 0.002, locks, 0.024)


@lru_cache(maxsize=1)
def long_hair_field() -> Float32[np.ndarray, "z y x"]:
    """Distances to long hair at rest at the points of the grid, metres."""
    field = np.empty(SHAPE, np.float32)
    _sample(_SEGMENTS, ORIGIN, CELL, field)
    return field


@jit(**QUICK)
@no_type_check
def sample_hair(hair, x, y, z):
    """Distance to hair at rest; outside the grid the way to the grid is added."""
    fx, fy, fz = (x - ORIGIN[0]) / CELL, (y - ORIGIN[1]) / CELL, (z - ORIGIN[2]) / CELL
    cx = min(max(fx, 0.0), SHAPE[2] - 1.001)
    cy = min(max(fy, 0.0), SHAPE[1] - 1.001)
    cz = min(max(fz, 0.0), SHAPE[0] - 1.001)
    out = CELL * np.sqrt((fx - cx) ** 2 + (fy - cy) ** 2 + (fz - cz) ** 2)
    i, j, k = int(cx), int(cy), int(cz)
    u, v, w = cx - i, cy - j, cz - k
    d = 0.0
    for dk in range(2):
        wk = w if dk else 1.0 - w
        for dj in range(2):
            wj = wk * (v if dj else 1.0 - v)
            d += wj * ((1.0 - u) * hair[k + dk, j + dj, i] + u * hair[k + dk, j + dj, i + 1])
    return d + out


@jit(**QUICK)
@no_type_check
def hair_weight(y):
    """Share of the body's movement in that of hair at height y at rest: 0 head, 1 body."""
    return smoothstep(LOOSE, LYING, y)


@jit(**QUICK)
@no_type_check
def _unskin(R, t, w, p):
    """x of p = (1 − w) (R x + t) + w x."""
    v = 1.0 - w
    a, b, c = v * R[0, 0] + w, v * R[0, 1], v * R[0, 2]
    d, e, f = v * R[1, 0], v * R[1, 1] + w, v * R[1, 2]
    g, h, i = v * R[2, 0], v * R[2, 1], v * R[2, 2] + w
    x, y, z = p[0] - v * t[0], p[1] - v * t[1], p[2] - v * t[2]
    A, B, C = e * i - f * h, f * g - d * i, d * h - e * g
    scale = 1.0 / (a * A + b * B + c * C)
    return (
        scale * (A * x + (c * h - b * i) * y + (b * f - c * e) * z),
        scale * (B * x + (a * i - c * g) * y + (c * d - a * f) * z),
        scale * (C * x + (b * g - a * h) * y + (a * e - b * d) * z),
    )


@jit(**QUICK)
@no_type_check
def hair_at_rest(R, t, p):
    """The point at rest that head pose (R, t), head → body, has brought to `p` in body axes."""
    # Secant steps to the weight that belongs to the very point that it leads to.
    old = hair_weight(p[1])
    x = _unskin(R, t, old, p)
    w = hair_weight(x[1])
    old_error = w - old
    for _ in range(6):
        if abs(w - old) < 1e-5:
            break
        x = _unskin(R, t, w, p)
        error = hair_weight(x[1]) - w
        slope = (error - old_error) / (w - old)
        old, old_error = w, error
        w = min(max(w - error / min(slope, -0.2), 0.0), 1.0)
    return x


@jit(**QUICK)
@no_type_check
def fall(x, y, z):
    """Which strand of falling hair a point at rest belongs to, in strand widths."""
    around = np.arctan2(z - 0.03, abs(x))
    return (
        36.0 * around + 260.0 * abs(x) + 0.9 * np.sin(40.0 * y) + 2.0 * noise(x * 40, y * 9, z * 40)
    )


@jit(**QUICK)
@no_type_check
def long_hair_distance(hair, R, t, p):
    """Distance of a point in body axes to long hair while the head is at (R, t)."""
    x, y, z = hair_at_rest(R, t, p)
    d = sample_hair(hair, x, y, z)
    if d < 0.008:
        groove = noise(fall(x, y, z), y * 14, 0.0) - 0.5
        d -= groove * (0.0016 + 0.0024 * smoothstep(0.0, 0.2, y))
    return d
