"""Draws the synthetic subject by sphere tracing (Hart 1996): nothing of the judged rasterizer.

Head and body are traced apart, so that each frame also yields its body without the head.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numba import prange

from audioplane.jit import jit
from audioplane.subject.labels import Label
from audioplane.synthetic.anatomy import head_field
from audioplane.synthetic.body import BODY_SKIN, body_distance, head_shade
from audioplane.synthetic.camera import FrameGeometry
from audioplane.synthetic.face import CAVITY, HAIR, TEETH, TONGUE, head_distance
from audioplane.synthetic.hair import hair_at_rest, long_hair_distance, long_hair_field
from audioplane.synthetic.shade import FILL_LIGHT, KEY_LIGHT, shade_body, shade_hair, shade_head
from audioplane.synthetic.shapes import CLOSE, QUICK, noise, smoothstep

_HEAD, _NECK, _TORSO, _MOUTH, _HAIR = (
    int(x) for x in (Label.HEAD, Label.NECK, Label.TORSO, Label.MOUTH, Label.HAIR)
)
_STEPS = 90
_HEAD_MIDDLE, _HEAD_RADII = (0.0, -0.004, 0.0), (0.114, 0.152, 0.152)
_BODY_MIDDLE, _BODY_RADII = (0.0, 0.26, 0.06), (0.34, 0.34, 0.16)
_HAIR_MIDDLE, _HAIR_RADII = (0.0, 0.07, 0.02), (0.23, 0.30, 0.24)
_FAR = 9.0
_NO_HAIR = np.zeros((0, 0, 0), np.float32)


@dataclass(frozen=True)
class SyntheticFrame:
    """One frame as it is drawn."""

    image: UInt8[np.ndarray, "h w 3"]
    torso: UInt8[np.ndarray, "h w 4"]
    """Neck and torso alone, going on beneath the head; alpha is not multiplied in."""
    labels: UInt8[np.ndarray, "h w"]
    """`Label` of every pixel."""


@jit(**QUICK)
@no_type_check
def _enter(o, d, middle, radii):
    """Where a ray enters and leaves an ellipsoid; (1, −1) where it misses."""
    ox, oy, oz = (
        (o[0] - middle[0]) / radii[0],
        (o[1] - middle[1]) / radii[1],
        (o[2] - middle[2]) / radii[2],
    )
    dx, dy, dz = d[0] / radii[0], d[1] / radii[1], d[2] / radii[2]
    a = dx * dx + dy * dy + dz * dz
    b = ox * dx + oy * dy + oz * dz
    h = b * b - a * (ox * ox + oy * oy + oz * oz - 1.0)
    if h < 0:
        return 1.0, -1.0
    h = np.sqrt(h)
    return (-b - h) / a, (-b + h) / a


@jit(**QUICK)
@no_type_check
def _misses_body(neck_top, o, d):
    """Whether a ray surely passes above the shoulders and beside the neck."""
    near, far = (-0.06 - o[2]) / d[2], (0.16 - o[2]) / d[2]
    low = o[1] + max(near * d[1], far * d[1])
    a, b = o[0] + near * d[0], o[0] + far * d[0]
    aside = min(abs(a), abs(b)) if a * b > 0 else 0.0
    return low < neck_top[1] - 0.05 or (low < 0.115 and aside > 0.078)


@jit(**QUICK)
@no_type_check
def _turn(R, t, p):
    """Rᵀ (p − t)."""
    x, y, z = p[0] - t[0], p[1] - t[1], p[2] - t[2]
    return (
        R[0, 0] * x + R[1, 0] * y + R[2, 0] * z,
        R[0, 1] * x + R[1, 1] * y + R[2, 1] * z,
        R[0, 2] * x + R[1, 2] * y + R[2, 2] * z,
    )


@jit(**QUICK)
@no_type_check
def _unit(x, y, z):
    length = np.sqrt(x * x + y * y + z * z) + 1e-12
    return x / length, y / length, z / length


@jit(**QUICK)
@no_type_check
def _trace_head(face, field, o, d, lights):
    """Distance along a ray, colour and material of the head; material −1 where it is missed."""
    t, end = _enter(o, d, _HEAD_MIDDLE, _HEAD_RADII)
    for _ in range(_STEPS):
        if t > end:
            break
        x, y, z = o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2]
        s, material = head_distance(face, field, x, y, z)
        if s < CLOSE:
            e = 0.0011
            a = head_distance(face, field, x + e, y - e, z - e)[0]
            b = head_distance(face, field, x - e, y - e, z + e)[0]
            c = head_distance(face, field, x - e, y + e, z - e)[0]
            f = head_distance(face, field, x + e, y + e, z + e)[0]
            n = _unit(a - b - c + f, -a - b + c + f, -a + b - c + f)
            view = (-d[0], -d[1], -d[2])
            return t, shade_head(face, field, (x, y, z), n, view, lights, material), material
        t += 0.8 * s
    return _FAR, (0.0, 0.0, 0.0), -1


@jit(**QUICK)
@no_type_check
def _trace_body(neck_top, head, o, d, lights):
    """As `_trace_head`, of the body; `head` is the head's middle in body axes."""
    t, end = _enter(o, d, _BODY_MIDDLE, _BODY_RADII)
    if _misses_body(neck_top, o, d):
        end = -1.0
    for _ in range(_STEPS):
        if t > end:
            break
        x, y, z = o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2]
        s, material = body_distance(neck_top, x, y, z)
        if s < CLOSE:
            e = 0.0011
            a = body_distance(neck_top, x + e, y - e, z - e)[0]
            b = body_distance(neck_top, x - e, y - e, z + e)[0]
            c = body_distance(neck_top, x - e, y + e, z - e)[0]
            f = body_distance(neck_top, x + e, y + e, z + e)[0]
            n = _unit(a - b - c + f, -a - b + c + f, -a + b - c + f)
            near = body_distance(neck_top, x + 0.012 * n[0], y + 0.012 * n[1], z + 0.012 * n[2])[0]
            sky, key = head_shade(head, lights[0], (x, y, z), n)
            sky *= 0.5 + 0.5 * min(1.0, max(0.0, near / 0.012))
            view = (-d[0], -d[1], -d[2])
            p = (x, y, z)
            return t, shade_body(p, n, view, lights, material, (sky, key)), material
        t += s
    return _FAR, (0.0, 0.0, 0.0), -1


@jit(**QUICK)
@no_type_check
def _trace_hair(place, o, d, lights, end):
    """Distance along a ray, no farther than `end`, and colour of long hair, body axes.

    `place` is the hair's field, R and t from head to body, and the head's middle.
    """
    hair, R, t, head = place
    way, leave = _enter(o, d, _HAIR_MIDDLE, _HAIR_RADII)
    end = min(end, leave)
    for _ in range(_STEPS):
        if way > end:
            break
        p = (o[0] + way * d[0], o[1] + way * d[1], o[2] + way * d[2])
        s = long_hair_distance(hair, R, t, p)
        if s < CLOSE:
            e, (x, y, z) = 0.0016, p
            a = long_hair_distance(hair, R, t, (x + e, y - e, z - e))
            b = long_hair_distance(hair, R, t, (x - e, y - e, z + e))
            c = long_hair_distance(hair, R, t, (x - e, y + e, z - e))
            f = long_hair_distance(hair, R, t, (x + e, y + e, z + e))
            n = _unit(a - b - c + f, -a - b + c + f, -a + b - c + f)
            rest = hair_at_rest(R, t, p)
            # The ball that casts the head's shadow is nearer to hair beside it than the head.
            key = head_shade(head, lights[0], p, n)[1]
            key = 1.0 + (key - 1.0) * smoothstep(0.0, 0.10, rest[1])
            return way, shade_hair(hair, rest, n, (-d[0], -d[1], -d[2]), lights, key)
        way += 0.7 * s
    return _FAR, (0.0, 0.0, 0.0)


@jit(**QUICK)
@no_type_check
def _beside_hair(place, o, d, way, colour):
    """Colour of the skin or shirt at `way` along a ray, darker where hair lies on it."""
    hair, R, t, _ = place
    p = (o[0] + way * d[0], o[1] + way * d[1], o[2] + way * d[2])
    share = 0.45 + 0.55 * smoothstep(-0.004, 0.018, long_hair_distance(hair, R, t, p))
    return colour[0] * share, colour[1] * share, colour[2] * share


@jit(**QUICK)
@no_type_check
def _with_hair(place, hits, o, d, lights):
    """Hits of head and body (`near`, `head`, `what`, `far`, `body`) with long hair as the head's.

    Returns all but `far`.
    """
    near, head, what, far, body = hits
    if far < _FAR:
        body = _beside_hair(place, o, d, far, body)
    if what >= 0:
        head = _beside_hair(place, o, d, near, head)
    over, lock = _trace_hair(place, o, d, lights, min(near, far))
    if over < near:
        return over, lock, HAIR, body
    return near, head, what, body


@jit(**QUICK)
@no_type_check
def _display(v):
    """Linear light to a display value 0 to 255, with a soft shoulder."""
    v = max(v, 0.0)
    v = v * (1.0 + 0.18 * v) / (1.0 + 0.42 * v) * 1.12
    return 255.0 * min(1.0, v) ** (1.0 / 2.2)


@jit(**QUICK)
@no_type_check
def _label(material, on_head):
    if not on_head:
        return _NECK if material == BODY_SKIN else _TORSO
    if material == HAIR:
        return _HAIR
    if material == CAVITY or material == TEETH or material == TONGUE:
        return _MOUTH
    return _HEAD


@jit(**QUICK)
@no_type_check
def _triple(v, i):
    return v[i], v[i + 1], v[i + 2]


@jit(**QUICK)
@no_type_check
def _draw_row(v, face, fields, geometry, background, out):
    """One row of pixels; see `_draw`."""
    field, hair = fields
    image, torso, labels = out
    size = len(image)
    R, t = geometry[:9].reshape(3, 3), _triple(geometry, 9)
    neck_top, head_middle = _triple(geometry, 12), _triple(geometry, 15)
    key, fill = _triple(geometry, 18), _triple(geometry, 21)
    body_R, body_t = geometry[24:33].reshape(3, 3), _triple(geometry, 33)
    focal = geometry[36]
    place = (hair, geometry[37:46].reshape(3, 3), _triple(geometry, 46), head_middle)
    zero = (0.0, 0.0, 0.0)
    head_eye, body_eye = _turn(R, t, zero), _turn(body_R, body_t, zero)
    head_lights = (_turn(R, zero, key), _turn(R, zero, fill))
    body_lights = (_turn(body_R, zero, key), _turn(body_R, zero, fill))
    count = np.zeros(6, np.int64)
    for u in range(size):
        count[:] = 0
        for k in range(4):
            dx = (u + 0.25 + 0.5 * (k & 1) - 0.5 * size) / focal
            dy = (v + 0.25 + 0.5 * (k >> 1) - 0.5 * size) / focal
            ray = _unit(dx, dy, 1.0)
            near, head, what = _trace_head(face, field, head_eye, _turn(R, zero, ray), head_lights)
            along = _turn(body_R, zero, ray)
            far, body, part = _trace_body(neck_top, head_middle, body_eye, along, body_lights)
            if len(hair) > 0:
                hits = (near, head, what, far, body)
                near, head, what, body = _with_hair(place, hits, body_eye, along, body_lights)
            on_head = what >= 0 and near < far
            if part >= 0:
                torso[v, u, 3] += 0.25
            for c in range(3):
                value = background[v, u, c]
                if part >= 0:
                    value = _display(body[c])
                    torso[v, u, c] += 0.25 * value
                if on_head:
                    value = _display(head[c])
                image[v, u, c] += 0.25 * value
            if on_head or part >= 0:
                count[_label(what if on_head else part, on_head)] += 1
            else:
                count[0] += 1
        labels[v, u] = np.argmax(count)


@jit(**QUICK, parallel=True)
@no_type_check
def _draw(face, field, hair, geometry, background, out):
    """Fill image [h,w,3], torso [h,w,4] with alpha multiplied in, and labels [h,w].

    `hair` is the field of long hair, empty where there is none. `geometry` is R (9), t, neck top,
    head middle, key light, fill light (3 each), the body's R (9) and t (3), focal, R (9) and t (3)
    from head to body.
    """
    image, torso, labels = out
    for v in prange(len(image)):
        _draw_row(v, face, (field, hair), geometry, background, (image, torso, labels))


@lru_cache(maxsize=2)
def draw_background(size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The wall behind the person: warm, uneven, darker towards the corners."""
    at = (np.arange(size) + 0.5) / size
    v, u = np.meshgrid(at, at, indexing="ij")
    cloud = np.array([[noise(3.1 * x, 2.6 * y, 0.5) for x in at] for y in at])
    glow = np.exp(-(((u - 0.36) / 0.42) ** 2) - ((v - 0.34) / 0.48) ** 2)
    level = 0.55 + 0.34 * glow + 0.10 * (cloud - 0.5) - 0.10 * v
    tint = np.stack([0.93 + 0.03 * glow, 0.90 + 0.0 * u, 0.84 + 0.05 * u], -1)
    background = np.round(255 * np.clip(level[..., None] * tint, 0, 1)).astype(np.uint8)
    background.flags.writeable = False  # kept for the next frames
    return background


def draw(
    face: Float64[np.ndarray, "15"],
    geometry: FrameGeometry,
    background: UInt8[np.ndarray, "size size 3"],
    long_hair: bool = False,
) -> SyntheticFrame:
    """Draw one frame.

    Args:
        face: From `pose_face`.
        geometry: Where head, body and camera are.
        background: From `draw_background`; its size is the image's.
        long_hair: Hair falls to the shoulders.
    """
    size = len(background)
    image = np.zeros((size, size, 3), np.float32)
    torso = np.zeros((size, size, 4), np.float32)
    labels = np.zeros((size, size), np.uint8)
    lights = [np.array(v) / np.linalg.norm(v) for v in (KEY_LIGHT, FILL_LIGHT)]
    packed = np.concatenate(
        [
            geometry.viewmat[:3, :3].ravel(),
            geometry.viewmat[:3, 3],
            geometry.neck_top,
            geometry.head_middle,
            *lights,
            geometry.body_viewmat[:3, :3].ravel(),
            geometry.body_viewmat[:3, 3],
            [geometry.focal],
            geometry.head_in_body[:3, :3].ravel(),
            geometry.head_in_body[:3, 3],
        ]
    )
    hair = long_hair_field() if long_hair else _NO_HAIR
    out = image, torso, labels
    _draw(face, head_field(), hair, packed, background.astype(np.float32), out)
    alpha = torso[..., 3:]
    torso[..., :3] /= np.maximum(alpha, 0.25)
    torso[..., 3:] = 255 * alpha
    return SyntheticFrame(_to_bytes(image), _to_bytes(torso), labels)


def _to_bytes(image: Float32[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w c"]:
    return np.round(np.clip(image, 0, 255)).astype(np.uint8)
