"""Colours and light of the synthetic subject (linear RGB; the light moves with the camera)."""

from typing import no_type_check

import numpy as np

from audioplane.jit import jit
from audioplane.synthetic.anatomy import sample_field
from audioplane.synthetic.body import COLLAR, SHIRT
from audioplane.synthetic.face import (
    BROW,
    BROW_ARCH,
    BROW_RAISE,
    BROW_Y,
    CAVITY,
    EYE,
    EYE_RADIUS,
    EYE_X,
    EYE_Y,
    EYE_Z,
    GAZE_X,
    GAZE_Y,
    HAIR,
    LASH,
    LIP,
    MOUTH_Z,
    PROTRUSION,
    TEETH,
    TONGUE,
    lid_curves,
    strands,
    to_rest,
)
from audioplane.synthetic.hair import fall, sample_hair
from audioplane.synthetic.shapes import QUICK, mix, noise, smoothstep, speckles

KEY_LIGHT = (-0.46, -0.52, -0.72)
"""Direction to the key light, camera axes: above the viewer's left shoulder."""
FILL_LIGHT = (0.75, -0.10, -0.65)
"""Direction to the fill light, camera axes."""


@jit(**QUICK)
@no_type_check
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@jit(**QUICK)
@no_type_check
def lit(albedo, n, view, lights, sky, key):
    """Light that leaves a soft surface.

    Args:
        albedo: Linear RGB.
        n: Normal.
        view: Direction to the viewer.
        lights: Directions to key and fill light.
        sky: Share of the surrounding light that arrives.
        key: Share of the key light that arrives.
    """
    front, back = lights
    # Wrapped light: skin is lit a little beyond the terminator, most in red.
    wrap = _dot(n, front)
    red = max(0.0, (wrap + 0.40) / 1.40)
    green = max(0.0, (wrap + 0.22) / 1.22)
    fill = max(0.0, (_dot(n, back) + 0.3) / 1.3)
    up = 0.5 - 0.5 * n[1]
    rim = (1.0 - max(0.0, _dot(n, view))) ** 3
    key_r, key_g = 1.05 * key * red, 0.98 * key * green
    r = albedo[0] * (key_r + sky * (0.20 * fill + 0.20 + 0.16 * up + 0.10 * rim))
    g = albedo[1] * (key_g + sky * (0.22 * fill + 0.20 + 0.17 * up + 0.10 * rim))
    b = albedo[2] * (0.92 * key * green + sky * (0.27 * fill + 0.22 + 0.20 * up + 0.12 * rim))
    return r, g, b


@jit(**QUICK)
@no_type_check
def gloss(n, view, light, power):
    """Blinn's highlight, 0 to 1."""
    hx, hy, hz = view[0] + light[0], view[1] + light[1], view[2] + light[2]
    length = np.sqrt(hx * hx + hy * hy + hz * hz)
    return max(0.0, (n[0] * hx + n[1] * hy + n[2] * hz) / length) ** power


@jit(**QUICK)
@no_type_check
def head_sky(face, field, p, n):
    """Ambient occlusion of the head by itself, from three distances along the normal."""
    lost = 0.0
    weight = 1.0
    for step in (0.005, 0.013, 0.028):
        x, y, z = p[0] + step * n[0], p[1] + step * n[1], p[2] + step * n[2]
        y, z = to_rest(face, y, z)
        skin, hair = sample_field(field, x, y, z)
        lost += weight * max(0.0, step - min(skin, hair)) / step
        weight *= 0.8
    return max(0.0, 1.0 - 0.60 * lost)


@jit(**QUICK)
@no_type_check
def head_key(face, field, p, n, light):
    """Share of the key light that the head itself lets through: a soft shadow."""
    share = 1.0
    way = 0.007
    for _ in range(6):
        x = p[0] + 0.003 * n[0] + way * light[0]
        y = p[1] + 0.003 * n[1] + way * light[1]
        z = p[2] + 0.003 * n[2] + way * light[2]
        y, z = to_rest(face, y, z)
        skin, hair = sample_field(field, x, y, z)
        d = min(skin, hair)
        share = min(share, 0.5 + 0.5 * d / (0.16 * way))
        if share <= 0:
            return 0.0
        way += max(d, 0.010)
    return share * share * (3 - 2 * share)


@jit(**QUICK)
@no_type_check
def skin_colour(face, x, y, z):
    """Albedo of the skin at a point of the head at rest: blush, freckles, brows, nostrils."""
    r, g, b = 0.790, 0.500, 0.365
    side = abs(x)
    patch = noise(x * 110, y * 110, z * 110) - 0.5
    fine = noise(x * 420 + 7, y * 420, z * 420) - 0.5
    tone = 1.0 + 0.10 * patch + 0.10 * fine
    r, g, b = r * tone, g * tone * (1 - 0.04 * patch), b * tone
    cheek = np.exp(-(((side - 0.042) / 0.018) ** 2) - ((y - 0.034) / 0.015) ** 2)
    nose = np.exp(-((x / 0.012) ** 2) - ((y - 0.036) / 0.012) ** 2) if z < -0.09 else 0.0
    blush = 0.55 * cheek + 0.40 * nose + (0.35 if side > 0.07 else 0.0)
    g, b = g * (1 - 0.30 * blush), b * (1 - 0.26 * blush)
    band = np.exp(-(((y - 0.026) / 0.016) ** 2)) * (1.0 - smoothstep(0.050, 0.064, side))
    if z < -0.03:
        spot = band * speckles(x * 170 + y * 70, y * 170 - x * 70, 3.0, 0.40) * 0.50
        spot += 0.35 * speckles(x * 80 + y * 40, y * 80 - x * 40, 9.0, 0.07)
        r, g, b = r * (1 - 0.42 * spot), g * (1 - 0.60 * spot), b * (1 - 0.66 * spot)
    # Brows: a bow that thins outwards, of hairs that lean outwards.
    along = (side - 0.014) / 0.042
    bow = BROW_Y - BROW_RAISE * face[BROW] - BROW_ARCH * np.sin(2.5 * min(max(along, 0.0), 1.1))
    half = 0.0046 * (1.0 - 0.62 * along) * smoothstep(-0.10, 0.12, along) + 1e-5
    hairs = 0.80 + 0.35 * noise(side * 900 + y * 500, y * 260, 0.0)
    brow = 1.0 - smoothstep(0.55 * half, 1.25 * half, abs(y - bow))
    if z < -0.03 and 0.0 < along + 0.08 and along < 1.08:
        brow = min(1.0, brow * hairs) * (1.0 - smoothstep(0.90, 1.08, along))
        r, g, b = mix(r, 0.085, brow), mix(g, 0.042, brow), mix(b, 0.022, brow)
    shadow = 0.12 * smoothstep(0.062, 0.10, y) * patch
    return r * (1 + shadow), g * (1 + shadow), b * (1 + shadow)


@jit(**QUICK)
@no_type_check
def _eye_colour(face, x, y, z):
    """Albedo of an eyeball: white, iris with rays, pupil; darker beneath the upper lid."""
    left = -1.0 if x < 0 else 1.0
    ux, uy, uz = (x - left * EYE_X) / EYE_RADIUS, (y - EYE_Y) / EYE_RADIUS, (z - EYE_Z) / EYE_RADIUS
    gx, gy = np.sin(face[GAZE_X]), np.sin(face[GAZE_Y])
    dx, dy = ux - gx, uy - gy + 0.05
    away = np.sqrt(dx * dx + dy * dy) if uz < 0 else 2.0
    up, _, _ = lid_curves(face, x)
    lid = 0.45 + 0.55 * smoothstep(0.0, 0.0055, y - up)
    ray = noise(14.0 * np.arctan2(dy, dx), 9.0 * away, 5.0 * left)
    r, g, b = 0.86, 0.83, 0.80
    iris = 1.0 - smoothstep(0.40, 0.455, away)
    bright = mix(0.75, 1.35, ray) * mix(1.35, 0.45, smoothstep(0.26, 0.44, away))
    r, g, b = (
        mix(r, 0.085 * bright, iris),
        mix(g, 0.235 * bright, iris),
        mix(b, 0.21 * bright, iris),
    )
    pupil = 1.0 - smoothstep(0.15, 0.20, away)
    r, g, b = mix(r, 0.008, pupil), mix(g, 0.008, pupil), mix(b, 0.010, pupil)
    return r * lid, g * lid, b * lid


@jit(**QUICK)
@no_type_check
def _mouth_colour(face, material, x, z):
    """Albedo inside the mouth, and the share of light that comes in that deep."""
    deep = 1.0 - smoothstep(0.004, 0.034, z - MOUTH_Z + 1.8 * face[PROTRUSION])
    if material == TEETH:
        column = abs(x) / 0.0072
        groove = column - np.floor(column)
        groove = min(groove, 1.0 - groove)
        line = 0.80 + 0.20 * smoothstep(0.0, 0.10, groove)
        dim = (0.22 + 0.78 * deep) * line * (1.0 - 0.5 * smoothstep(0.010, 0.022, abs(x)))
        return (0.86 * dim, 0.83 * dim, 0.76 * dim), 0.85
    if material == TONGUE:
        dim = 0.45 + 0.55 * deep
        return (0.66 * dim, 0.22 * dim, 0.22 * dim), 0.55
    dim = 0.16 + 0.84 * deep
    return (0.30 * dim, 0.070 * dim, 0.065 * dim), 0.30


@jit(**QUICK)
@no_type_check
def shade_head(face, field, p, n, view, lights, material):
    """Colour of a point of the head, head axes throughout."""
    x = p[0]
    y, z = to_rest(face, p[1], p[2])
    if material == CAVITY or material == TEETH or material == TONGUE:
        albedo, share = _mouth_colour(face, material, x, p[2])
        r, g, b = lit(albedo, n, view, lights, share, 0.6 * share)
        wet = 0.30 * albedo[0] * gloss(n, view, lights[0], 30.0)
        return r + wet, g + wet, b + wet
    sky = head_sky(face, field, p, n)
    if material == EYE:
        albedo = _eye_colour(face, x, p[1], p[2])
        r, g, b = lit(albedo, n, view, lights, 0.9, 0.75)
        spark = 1.6 * gloss(n, view, lights[0], 220.0) + 0.25 * gloss(n, view, lights[1], 90.0)
        return r + spark, g + spark, b + spark
    key = head_key(face, field, p, n, lights[0])
    if material == HAIR:
        s = strands(x, p[1], p[2])
        tone = 0.35 + 1.15 * noise(s, x * 25, p[1] * 25) * (
            0.6 + 0.8 * noise(s * 0.21, 3.0, p[2] * 12)
        )
        r, g, b = lit((0.150 * tone, 0.072 * tone, 0.036 * tone), n, view, lights, sky, key)
        shine = (0.10 * key * tone) * gloss(n, view, lights[0], 9.0) * (0.3 + 0.7 * sky)
        return r + shine, g + 0.72 * shine, b + 0.5 * shine
    if material == LASH:
        return 0.030 * sky, 0.018 * sky, 0.014 * sky
    albedo = skin_colour(face, x, y, z)
    shine = 0.10 * gloss(n, view, lights[0], 22.0)
    if material == LIP:
        tone = 0.92 + 0.16 * noise(x * 900, y * 130, 0.0)
        albedo = (0.600 * tone, 0.205 * tone, 0.190 * tone)
        shine = 0.20 * gloss(n, view, lights[0], 30.0)
        sky = 0.35 + 0.65 * sky
        key = 0.35 + 0.65 * key
    r, g, b = lit(albedo, n, view, lights, sky, key)
    shine *= key
    return r + shine, g + shine, b + shine


@jit(**QUICK)
@no_type_check
def shade_body(p, n, view, lights, material, arriving):
    """Colour of a point of the body, body axes; `arriving` are its shares of sky and key light."""
    x, y, z = p
    sky, key = arriving
    if material == SHIRT or material == COLLAR:
        knit = 0.88 + 0.16 * noise(x * 260, y * 120, z * 260) + 0.10 * np.sin(y * 900.0)
        r, g, b = 0.060 * knit, 0.190 * knit, 0.240 * knit
        if material == COLLAR:
            r, g, b = r * 0.70, g * 0.70, b * 0.70
        elif abs(y - 0.1955 - 0.6 * x * x) < 0.0038:
            r, g, b = 0.72 * knit, 0.60 * knit, 0.42 * knit
        return lit((r, g, b), n, view, lights, sky, key)
    tone = 0.94 * (1.0 + 0.10 * (noise(x * 110, y * 110, z * 110) - 0.5))
    return lit((0.780 * tone, 0.485 * tone, 0.350 * tone), n, view, lights, sky, key)


@jit(**QUICK)
@no_type_check
def _hair_light(hair, at_rest, n, light):
    """Share of the surrounding and of the key light that long hair lets through to a point of it.

    Geometry at rest, where the head's turn against the light is left out.
    """
    x, y, z = at_rest
    lost = 0.0
    for step in (0.008, 0.020):
        d = sample_hair(hair, x + step * n[0], y + step * n[1], z + step * n[2])
        lost += max(0.0, step - d) / step
    key, way = 1.0, 0.010
    for _ in range(5):
        d = sample_hair(hair, x + way * light[0], y + way * light[1], z + way * light[2])
        key = min(key, 0.5 + 0.5 * d / (0.25 * way))
        way += max(d, 0.012)
    return max(0.0, 1.0 - 0.42 * lost), smoothstep(0.0, 1.0, key)


@jit(**QUICK)
@no_type_check
def shade_hair(hair, at_rest, n, view, lights, key):
    """Colour of a point of long hair, body axes; `key` is the light that the head leaves it."""
    x, y, z = at_rest
    sky, share = _hair_light(hair, at_rest, n, lights[0])
    key *= 0.25 + 0.75 * share
    s, f = strands(x, y, z), fall(x, y, z)
    low = smoothstep(-0.06, 0.0, y)
    combed = noise(s, x * 25, y * 25) * (0.6 + 0.8 * noise(s * 0.21, 3.0, z * 12))
    falling = noise(f, y * 10, 1.0) * (0.6 + 0.8 * noise(f * 0.21, 3.0, y * 7))
    tone = 0.35 + 1.15 * mix(combed, falling, low)
    r, g, b = lit((0.150 * tone, 0.072 * tone, 0.036 * tone), n, view, lights, sky, key)
    shine = (0.10 * key * tone) * gloss(n, view, lights[0], 9.0) * (0.3 + 0.7 * sky)
    return r + shine, g + 0.72 * shine, b + 0.5 * shine
