"""The face in motion: jaw, lips, teeth, tongue and lids laid over the head at rest.

A pose of the face is a vector of `FACE_SIZE` numbers (`pose_face` makes it), so that numba's
loops and the landmarks read the same geometry. Axes as in `anatomy.py`, metres.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float64

from audioplane.jit import jit
from audioplane.synthetic.anatomy import sample_field
from audioplane.synthetic.shapes import (
    CLOSE,
    QUICK,
    ellipsoid,
    mix,
    noise,
    smoothstep,
    union,
)

SKIN, LIP, HAIR, EYE, TEETH, TONGUE, CAVITY, LASH = range(8)
"""What a point of the head is made of."""

(
    JAW,
    HALF_WIDTH,
    UPPER_RISE,
    LOWER_DROP,
    PROTRUSION,
    CORNER,
    UPPER_LIP,
    LOWER_LIP,
    JAW_BACK,
    BLINK_LEFT,
    BLINK_RIGHT,
    BROW,
    TONGUE_UP,
    GAZE_X,
    GAZE_Y,
    FACE_SIZE,
) = range(16)
"""Places in the vector: jaw angle (rad), the inner lips' half width, rise and drop at the middle,
push forward, drop of the corners, half thickness of the lips, way of the lower lip backwards,
closure of the lids, raise of the brows, tongue, direction of the irises (rad)."""

MOUTH_Y = 0.0665
"""Where the lips meet."""
MOUTH_Z = -0.0905
"""Depth of the lips' middle."""
MOUTH_CURVE = 14.0
"""z of the lips grows with this times x²."""
_HINGE_Y, _HINGE_Z = 0.012, 0.010
EYE_X, EYE_Y, EYE_Z = 0.0325, 0.000, -0.0645
"""Centre of the image-right eyeball; the other is its mirror image."""
EYE_RADIUS = 0.0168
LID_HALF_WIDTH = 0.0152
LID_UP, LID_DOWN = 0.0086, 0.0056
"""Rise and drop of the open lids at the eye's middle."""
BROW_Y, BROW_ARCH = -0.0300, 0.0052
"""Height of the brows at their inner end, and how far they rise above it."""
BROW_RAISE = 0.0045
_JAW_REACH = 0.235
_LIP_DEPTH = 0.0052


def pose_face(
    mouth: Float[np.ndarray, "7"],
    blink: Float[np.ndarray, "2"],
    brow: float,
    gaze: Float[np.ndarray, "2"],
) -> Float64[np.ndarray, "15"]:
    """The face's vector.

    Args:
        mouth: A row of `Articulation.stack()`.
        blink: Closure of the image-left and image-right eye, 0 to 1.
        brow: Raise of the brows, 0 to 1.
        gaze: Direction of the irises to the right and down, radians.
    """
    jaw, width, rounding, upper, lower, tongue, press = mouth
    free = 1.0 - press
    face = np.zeros(FACE_SIZE)
    angle = _JAW_REACH * jaw * (1 - 0.85 * press)
    face[JAW] = angle
    depth, height = MOUTH_Z - _HINGE_Z, MOUTH_Y - _HINGE_Y
    drop = height * (np.cos(angle) - 1) - depth * np.sin(angle)
    face[UPPER_RISE] = free * 0.0035 * max(upper, 0.0)
    face[LOWER_DROP] = max(0.0, free * (drop - 0.0065 * lower))
    face[JAW_BACK] = height * np.sin(angle) + depth * (np.cos(angle) - 1)
    face[HALF_WIDTH] = 0.0236 * (1 + 0.13 * width - 0.40 * rounding - 0.10 * jaw)
    face[PROTRUSION] = 0.0075 * rounding + 0.001 * press
    face[CORNER] = 0.30 * face[LOWER_DROP] - 0.0044 * (1 - rounding) - 0.0015 * max(width, 0.0)
    squeeze = 1 - 0.18 * press * (1 - rounding)
    face[UPPER_LIP] = 0.0038 * squeeze * (1 + 0.15 * rounding)
    face[LOWER_LIP] = 0.0048 * squeeze * (1 + 0.10 * rounding)
    face[BLINK_LEFT], face[BLINK_RIGHT] = blink
    face[BROW] = brow
    face[TONGUE_UP] = tongue
    face[GAZE_X], face[GAZE_Y] = gaze
    return face


@jit(**QUICK)
@no_type_check
def unrotate_jaw(angle, y, z):
    """y, z of a point before the jaw turned by `angle` about its hinge."""
    c, s = np.cos(angle), np.sin(angle)
    dy, dz = y - _HINGE_Y, z - _HINGE_Z
    return _HINGE_Y + dy * c + dz * s, _HINGE_Z - dy * s + dz * c


@jit(**QUICK)
@no_type_check
def to_rest(face, y, z):
    """y, z of the head at rest that the moving jaw has brought to this place."""
    if y < MOUTH_Y - 0.012 or z > 0.05 or face[JAW] == 0.0:
        return y, z
    share = smoothstep(MOUTH_Y - 0.012, MOUTH_Y + 0.010 + 0.9 * face[LOWER_DROP], y)
    share *= 1.0 - smoothstep(-0.02, 0.05, z)
    return unrotate_jaw(face[JAW] * share, y, z)


@jit(**QUICK)
@no_type_check
def lip_curves(face, x):
    """Inner edges of both lips at x: y of upper, y of lower, z of upper, z of lower, fullness q.

    q = 1 − (x / half width)² is 1 in the middle and 0 at and beyond the corners.
    """
    s = min(abs(x) / face[HALF_WIDTH], 1.0)
    q = 1.0 - s * s
    middle = MOUTH_Y + face[CORNER] * s * s
    depth = MOUTH_Z + MOUTH_CURVE * x * x - face[PROTRUSION] * (0.35 + 0.65 * q)
    upper = middle - face[UPPER_RISE] * q
    lower = middle + face[LOWER_DROP] * q
    return upper, lower, depth, depth + face[JAW_BACK] * (0.3 + 0.7 * q), q


@jit(**QUICK)
@no_type_check
def lip_thickness(face, x, q):
    """Half thickness of upper and lower lip at x; the upper one has a cupid's bow."""
    taper = 0.12 + 0.88 * q**0.65
    bow = (
        1.0
        - 0.20 * np.exp(-((x / 0.0035) ** 2))
        + 0.10 * np.exp(-(((abs(x) - 0.007) / 0.005) ** 2))
    )
    return face[UPPER_LIP] * taper * bow, face[LOWER_LIP] * taper


@jit(**QUICK)
@no_type_check
def _lips(face, x, y, z):
    """Distance to the lips and to the opening between them (negative inside it), and how far
    above, below or beside it a point is, in half thicknesses of the lips."""
    upper, lower, z_upper, z_lower, q = lip_curves(face, x)
    t_upper, t_lower = lip_thickness(face, x, q)
    beyond = max(abs(x) - face[HALF_WIDTH], 0.0)
    reach = _LIP_DEPTH * (0.22 + 0.78 * np.sqrt(q))
    aside = (beyond / (0.4 * reach)) ** 2
    a = np.sqrt(((y - upper + t_upper) / t_upper) ** 2 + ((z - z_upper) / reach) ** 2 + aside)
    b = np.sqrt(((y - lower - t_lower) / t_lower) ** 2 + ((z - z_lower) / reach) ** 2 + aside)
    lips = min((a - 1.0) * min(t_upper, reach), (b - 1.0) * min(t_lower, reach))
    # Behind the lips the mouth is wider than between them.
    wider = smoothstep(0.001, 0.005, lower - upper)
    above = min(max(z - z_upper - 0.003, 0.0), 0.012) * wider
    below = min(max(z - z_lower - 0.003, 0.0), 0.012) * wider
    slit = max(upper - above - y, y - lower - below)
    opening = max(slit, abs(x) - face[HALF_WIDTH] * 0.98 - 0.5 * above)
    opening = max(opening, z - MOUTH_Z - 0.050)
    # A ray arrives at CLOSE before what it meets, which would narrow the opening from both sides.
    opening -= min(CLOSE, lower - upper)
    away = max(max((upper - y) / t_upper, (y - lower) / t_lower), beyond / 0.0005)
    return lips + CLOSE, opening, away


@jit(**QUICK)
@no_type_check
def _teeth(face, x, y, z):
    """Upper teeth hang from the skull, lower ones ride on the jaw."""
    arch = MOUTH_Z + 0.0105 + 18.0 * x * x
    edge = MOUTH_Y + 0.0046 - 9.0 * x * x
    upper = max(abs(z - arch) * 0.7 - 0.0022, max(y - edge, MOUTH_Y - 0.014 - y))
    jaw_y, jaw_z = unrotate_jaw(face[JAW], y, z)
    lower = max(
        abs(jaw_z - arch - 0.003) * 0.7 - 0.0022,
        max(MOUTH_Y + 0.0022 + 9.0 * x * x - jaw_y, jaw_y - 0.082),
    )
    return max(min(upper, lower), abs(x) - 0.0235)


@jit(**QUICK)
@no_type_check
def _tongue(face, x, y, z):
    y, z = unrotate_jaw(face[JAW], y, z)
    up = face[TONGUE_UP]
    rise = 0.0155 - 0.0085 * up + 2.0 * x * x
    return ellipsoid(x, y - MOUTH_Y - rise, z - MOUTH_Z - 0.036 + 0.006 * up, 0.019, 0.0085, 0.022)


@jit(**QUICK)
@no_type_check
def lid_curves(face, x):
    """y of the upper and lower lid's edge of the eye on x's side, and the lens' fullness there."""
    closed = face[BLINK_LEFT] if x < 0 else face[BLINK_RIGHT]
    u = min(abs(abs(x) - EYE_X) / LID_HALF_WIDTH, 1.0)
    q = 1.0 - u * u
    # The outer corner sits a little higher than the inner one.
    middle = EYE_Y - 0.06 * (abs(x) - EYE_X)
    low = middle + LID_DOWN * q
    return mix(middle - LID_UP * q, low - 0.0002, closed), low, q


@jit(**QUICK)
@no_type_check
def _with_eyes(face, skin, x, y, z):
    """Skin with lids and eyeballs: distance and material."""
    side = abs(x) - EYE_X
    ball = np.sqrt(side**2 + (y - EYE_Y) ** 2 + (z - EYE_Z) ** 2)
    up, low, q = lid_curves(face, x)
    opening = max(max(up - y, y - low), abs(side) - LID_HALF_WIDTH)
    lids = ball - EYE_RADIUS - 0.0016
    skin = union(skin, lids, 0.007)
    if z < EYE_Z + 0.004:
        skin = max(skin, -opening)
    eye = ball - EYE_RADIUS
    material = SKIN
    edge = y - up
    if -0.0022 < edge < 0.0006 and abs(side) < LID_HALF_WIDTH + 0.001 and ball < EYE_RADIUS + 0.006:
        material = LASH
    if eye < skin:
        return eye, EYE
    return skin, material


@jit(**QUICK)
@no_type_check
def _with_mouth(face, skin, x, y, z):
    """Skin with lips and what is behind them: distance and material."""
    lips, opening, away = _lips(face, x, y, z)
    cut = max(skin, -opening)
    material = CAVITY if cut > skin + 1e-5 else SKIN
    # Lips blend with the skin around them, but do not fill the opening.
    d = union(cut, lips, mix(0.0001, 0.004, smoothstep(0.0, 0.8, away)))
    if lips < cut + 0.0006 or (material == SKIN and away < 0.8):
        material = LIP
    inside = min(_teeth(face, x, y, z), _tongue(face, x, y, z))
    if z > MOUTH_Z - 0.004 and inside < d:
        tongue = _tongue(face, x, y, z)
        return inside, TONGUE if tongue <= inside else TEETH
    return d, material


@jit(**QUICK)
@no_type_check
def strands(x, y, z):
    """Which strand of hair a point belongs to: runs across the combing, in strand widths."""
    sweep = x + 0.034 if x < 0.034 else 0.10 - x
    return 330.0 * (0.75 * z - 0.85 * y) + 60.0 * sweep + 3.0 * noise(x * 40, y * 40, z * 40)


@jit(**QUICK)
@no_type_check
def head_distance(face, field, x, y, z):
    """Distance to the head in its pose, and the material nearest.

    Source of the method: sphere tracing of signed distance fields (Hart 1996).
    """
    ry, rz = to_rest(face, y, z)
    skin, hair = sample_field(field, x, ry, rz)
    if skin > 0.025 and hair > 0.025:
        return min(skin, hair) - 0.012, SKIN
    material = SKIN
    my = y - MOUTH_Y - 0.4 * face[LOWER_DROP]
    mouth = np.sqrt(x * x + my**2 + (z - MOUTH_Z - 0.012) ** 2)
    side = abs(x) - EYE_X
    eye = np.sqrt(side**2 + (y - EYE_Y) ** 2 + (z - EYE_Z) ** 2)
    if mouth < 0.052:
        skin, material = _with_mouth(face, skin, x, y, z)
    elif eye < 0.027:
        skin, material = _with_eyes(face, skin, x, y, z)
    else:
        # Beyond their spheres mouth and eyes are not looked at: do not step over them.
        skin = min(skin, min(mouth - 0.040, eye - 0.0195))
    if hair < 0.006:
        groove = noise(strands(x, y, z), x * 30, y * 30)
        hair += 0.0014 * (0.5 - groove)
    if hair < skin:
        return hair, HAIR
    return skin, material
