"""The 68 iBUG landmarks of the synthetic head as points in space, moving with the face."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float64

from audioplane.face.regions import mouth_aperture
from audioplane.synthetic.anatomy import head_field, sample_field
from audioplane.synthetic.face import (
    BROW,
    BROW_ARCH,
    BROW_RAISE,
    BROW_Y,
    EYE_RADIUS,
    EYE_X,
    EYE_Y,
    EYE_Z,
    HALF_WIDTH,
    LID_HALF_WIDTH,
    lid_curves,
    lip_curves,
    lip_thickness,
    to_rest,
)

_JAW_TURNS = np.linspace(np.pi, 0.0, 17)
_BROW_X = np.array([0.054, 0.045, 0.036, 0.026, 0.015])


def _skin(x: float, y: float, z: float) -> float:
    return sample_field(head_field(), x, y, z)[0]


def _surface(start: np.ndarray, direction: np.ndarray) -> Float64[np.ndarray, "3"]:
    """First point of the skin at rest along a ray that starts outside."""
    p = start.astype(np.float64)
    for _ in range(200):
        p = p + 0.7 * _skin(*p) * direction
    return p


def _front(x: float, y: float) -> Float64[np.ndarray, "3"]:
    """The skin at rest that the viewer sees at x, y."""
    return _surface(np.array([x, y, -0.2]), np.array([0.0, 0.0, 1.0]))


@lru_cache(maxsize=1)
def _rest_points() -> Float64[np.ndarray, "68 3"]:
    """Jaw line, brows and nose at rest; rows of eyes and mouth stay zero."""
    points = np.zeros((68, 3))
    for i, turn in enumerate(_JAW_TURNS):
        # From ear to ear around the chin: sideways at the ears, downwards and forwards below.
        out = np.array([np.cos(turn), np.sin(turn), 0.0])
        middle = np.array([0.0, 0.012, -0.004 - 0.058 * np.sin(turn) ** 1.5])
        points[i] = _surface(middle + 0.16 * out, -out)
    for k, x in enumerate(_BROW_X):
        along = (x - 0.014) / 0.042
        y = BROW_Y - BROW_ARCH * np.sin(2.5 * along)
        points[17 + k], points[26 - k] = _front(-x, y), _front(x, y)
    for k, y in enumerate(np.linspace(-0.006, 0.036, 4)):
        points[27 + k] = _front(0.0, y)
    for k, x in enumerate(np.linspace(-0.0135, 0.0135, 5)):
        points[31 + k] = _front(x, 0.0435 + 0.003 * (1 - abs(x) / 0.0135))
    return points


def _moved_by_jaw(face: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Where the jaw carries a point of the skin: the inverse of `to_rest`, by iteration."""
    moved = point.copy()
    for _ in range(25):
        y, z = to_rest(face, moved[1], moved[2])
        if abs(point[1] - y) + abs(point[2] - z) < 1e-7:
            break
        moved[1] += 0.6 * (point[1] - y)
        moved[2] += 0.6 * (point[2] - z)
    return moved


def _eye_points(face: np.ndarray, side: float) -> Float64[np.ndarray, "6 3"]:
    """An eye's corners and lids in iBUG order, from image left around over the upper lid."""
    xs = side * EYE_X + LID_HALF_WIDTH * np.array([-1.0, -0.4, 0.4, 1.0, 0.4, -0.4])
    rows = []
    for k, x in enumerate(xs):
        up, low, _ = lid_curves(face, x)
        y = up if k < 4 else low
        dx, dy = x - side * EYE_X, y - EYE_Y
        rows.append([x, y, EYE_Z - np.sqrt(max((EYE_RADIUS + 0.0008) ** 2 - dx**2 - dy**2, 0.0))])
    return np.array(rows)


def _mouth_points(face: np.ndarray) -> Float64[np.ndarray, "20 3"]:
    """Outer lip (12) and inner lip (8) in iBUG order."""
    half = face[HALF_WIDTH]
    outer, inner = [], []
    for s in (-1.0, -0.66, -0.3, 0.0, 0.3, 0.66, 1.0, 0.66, 0.3, 0.0, -0.3, -0.66):
        upper, lower, z_up, z_low, q = lip_curves(face, s * half)
        t_up, t_low = lip_thickness(face, s * half, q)
        if abs(s) == 1.0:
            outer.append([s * half * 1.05, upper, z_up])
        elif len(outer) < 7:
            outer.append([s * half, upper - 2 * t_up, z_up - 0.002])
        else:
            outer.append([s * half, lower + 2 * t_low, z_low - 0.002])
    for k, s in enumerate((-0.94, -0.45, 0.0, 0.45, 0.94, 0.45, 0.0, -0.45)):
        upper, lower, z_up, z_low, _ = lip_curves(face, s * half)
        if k in (0, 4):
            inner.append([s * half, 0.5 * (upper + lower), z_up - 0.001])
        else:
            inner.append([s * half, upper, z_up] if k < 4 else [s * half, lower, z_low])
    return np.array(outer + inner)


def landmark_points(face: Float[np.ndarray, "15"]) -> Float64[np.ndarray, "68 3"]:
    """The landmarks of a face (from `pose_face`) in head axes, metres."""
    points = _rest_points().copy()
    points[:17] = [_moved_by_jaw(face, p) for p in points[:17]]
    points[17:27, 1] -= BROW_RAISE * face[BROW]
    points[36:42] = _eye_points(face, -1.0)
    points[42:48] = _eye_points(face, 1.0)
    points[48:] = _mouth_points(face)
    return points


def true_aperture(points: Float[np.ndarray, "*t 68 3"]) -> Float64[np.ndarray, "*t"]:
    """`regions.mouth_aperture` as seen from straight ahead of the face, whatever its pose."""
    return np.asarray(mouth_aperture(points[..., :2]))
