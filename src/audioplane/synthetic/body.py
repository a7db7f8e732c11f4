"""Neck, shoulders and shirt: they stay where they are, only the neck bends after the head.

Axes of the body: those of the head at rest, metres.
"""

from typing import no_type_check

import numpy as np

from audioplane.jit import jit
from audioplane.synthetic.shapes import QUICK, capsule, ellipsoid, smoothstep, union

BODY_SKIN, SHIRT, COLLAR = range(3)
"""What a point of the body is made of."""

NECK_PIVOT = (0.0, 0.085, 0.030)
"""The point of head and body about which the head turns."""
NECK_TOP = (0.0, 0.030, 0.032)
"""Upper end of the neck, in the axes of the head: inside it, so that no gap ever opens."""
_NECK_BASE = (0.0, 0.215, 0.055)


@jit(**QUICK)
@no_type_check
def _trunk(x, y, z):
    side = abs(x)
    d = ellipsoid(x, y - 0.300, z - 0.060, 0.150, 0.125, 0.085)
    slope = capsule((side, y, z), (0.02, 0.165, 0.060), (0.165, 0.232, 0.062), 0.036, 0.046)
    d = union(d, slope, 0.05)
    return union(d, ellipsoid(side - 0.178, y - 0.262, z - 0.062, 0.050, 0.062, 0.052), 0.04)


@jit(**QUICK)
@no_type_check
def body_distance(neck_top, x, y, z):
    """Distance to the body and the material nearest; `neck_top` in body axes."""
    p = (x, y, z)
    neck = capsule(p, _NECK_BASE, neck_top, 0.053, 0.043)
    trunk = _trunk(x, y, z)
    skin = union(neck, trunk, 0.035)
    # The collar is where the shirt's surface meets a tilted plane around the neck.
    line = y - 0.164 + 0.20 * (z - 0.05)
    shirt = max(union(trunk, neck + 0.004, 0.035) - 0.0045, -line)
    rim_away = np.sqrt((skin - 0.004) ** 2 + line**2)
    rim = rim_away - 0.0062
    if rim < shirt and rim < skin:
        return rim, COLLAR
    if shirt < skin:
        return shirt, SHIRT
    return skin, BODY_SKIN


@jit(**QUICK)
@no_type_check
def head_shade(head, light, p, n):
    """How much light the head leaves a point of the body: (of the sky, of the key light).

    The head counts as a ball of 0.08 m about `head` (Quílez's ball occlusion), so that the
    body's look depends on the head's pose alone, whether the head is drawn or not.
    """
    vx, vy, vz = head[0] - p[0], head[1] - p[1], head[2] - p[2]
    away = np.sqrt(vx * vx + vy * vy + vz * vz)
    facing = max(0.0, 0.35 + 0.65 * (n[0] * vx + n[1] * vy + n[2] * vz) / away)
    sky = 1.0 - 0.95 * facing * min(1.0, (0.100 / away) ** 2)
    along = light[0] * vx + light[1] * vy + light[2] * vz
    near = 0.12 + 0.88 * smoothstep(0.090, 0.170, away)
    if along <= 0:
        return sky, near
    miss = np.sqrt(max(away * away - along * along, 0.0))
    return sky, min(near, 0.25 + 0.75 * smoothstep(0.045, 0.125, miss))
