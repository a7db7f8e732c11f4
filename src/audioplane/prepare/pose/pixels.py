"""Poses refined by the pixels of the face.

Landmarks lean with face shape and turn, slowly and together, which no smoothing over time removes.
The skin does not: its pattern lies still on the head. So every frame's face is laid over the mean
of all faces, seen on the surface that the landmarks of all frames have in common (direct
alignment, Lucas & Kanade; Gauss-Newton on the six numbers of the pose).

Symbols: P points of the surface in the head's axes, A what they mostly look like, v its variance,
r residual, J its derivative by (turn, shift, gain, bias), w weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial.transform import Rotation

from audioplane.clock import spread_over
from audioplane.face.landmarker import CHIN, INNER_LIP
from audioplane.prepare.pose.camera import (
    Intrinsics,
    blocks,
    cross_matrix,
    project,
    projection_jacobian,
)
from audioplane.prepare.workers import in_order

Look = Callable[[int], UInt8[np.ndarray, "h w 3"]]
"""The image of a frame, by its row."""

_SPACING = 3.0
"""Between points of the surface. This and all lengths in pixels are of 512 a frame's width."""
_FINE, _COARSE = 1.2, 14.0
"""Blurs between which the pattern of the skin lies: below is noise, above is light."""
_FLAT = 6.0
"""Contrast, grey levels, that counts as none."""
_CONTRAST = 10.0
"""Standard deviation that every part of a face is brought to."""
_NOISE = 4.0
"""Least variance of a point, of contrasts of 10²."""
_LIKE_NEIGHBOURS = 20.0
"""Points whose residuals are alike: they count once."""
_PRIOR = (np.radians(0.6), 0.7, 0.003)
"""How far the pose may be from the landmarks': turn, radians; shift across the image, pixels;
depth, metres."""
_TEMPLATE_FRAMES = 200
_ROUNDS = 3
_STEPS = 5
_FACING = 0.35
"""Cosine between surface and ray to the camera below which a point is not looked at."""
_OFTEN = 0.2
"""Share of frames that must see a point."""
_MOUTH = (0.75, 0.45)
"""Half axes of what moves with the lips, in widths of the mouth."""
_EYES = ((33, 133), (263, 362))
_EYE = 0.65
"""Radius of what moves with the lids, in widths of an eye."""
_JAW = 0.3
"""Of the way from the lower lip to the chin: below that the jaw moves the skin."""


@dataclass(frozen=True)
class _Surface:
    """Points that move with the skull, in the head's axes."""

    points: Float[np.ndarray, "m 3"]
    normals: Float[np.ndarray, "m 3"]


@dataclass(frozen=True)
class _Template:
    """What the points mostly look like."""

    mean: Float[np.ndarray, " m"]
    weight: Float[np.ndarray, " m"]
    """1 / v, 0 where too few frames see the point."""
    variance: Float[np.ndarray, " m"]


def refine_by_pixels(
    look: Look,
    landmarks: Float32[np.ndarray, "n 478 2"],
    viewmats: Float[np.ndarray, "n 4 4"],
    camera: Intrinsics,
    done: Callable[[int], None] = lambda n: None,
) -> Float[np.ndarray, "n 4 4"]:
    """World→camera poses that lay the faces of all frames over each other.

    The mean correction is taken out, so the head keeps its axes.

    Args:
        look: the image of a row; called from several threads.
        landmarks: pixels.
        viewmats: the poses fitted to them; metres.
        camera: of the frames.
        done: receives how many frames have been refined.
    """
    surface = _surface(_triangulated(landmarks, viewmats, camera), viewmats, camera)
    some = spread_over(len(viewmats), _TEMPLATE_FRAMES)
    poses = viewmats[some]

    def seen(at: tuple[np.integer, Float[np.ndarray, "4 4"]]) -> tuple[np.ndarray, np.ndarray]:
        return _sample(_pattern(look(int(at[0]))), surface, at[1], camera)

    def refined(at: tuple[np.integer, _Template]) -> Float[np.ndarray, "4 4"]:
        row, template = at
        return _refined(_pattern(look(int(row))), surface, template, viewmats[row], camera)

    for _ in range(_ROUNDS - 1):
        template = _template(list(in_order(seen, zip(some, poses, strict=True))))
        found = np.stack(list(in_order(refined, ((row, template) for row in some))))
        poses = found @ _mean_correction(viewmats[some], found)
    template = _template(list(in_order(seen, zip(some, poses, strict=True))))
    found = []
    for pose in in_order(refined, ((row, template) for row in np.arange(len(viewmats)))):
        found.append(pose)
        done(len(found))
    return np.stack(found) @ _mean_correction(viewmats, np.stack(found))


def _triangulated(
    landmarks: np.ndarray, viewmats: np.ndarray, camera: Intrinsics
) -> Float[np.ndarray, "478 3"]:
    """Where every landmark mostly lies in the head's axes: linear least squares of its rays."""
    normal, right = np.zeros((landmarks.shape[1], 3, 3)), np.zeros((landmarks.shape[1], 3))
    for part in blocks(len(viewmats)):
        ray = (landmarks[part].astype(np.float64) - camera.centre) / camera.focal
        across, along = viewmats[part, None, :2, :3], viewmats[part, None, 2:3, :3]
        A = across - ray[..., None] * along
        b = ray * viewmats[part, None, 2, 3, None] - viewmats[part, None, :2, 3]
        normal += np.einsum("nkia,nkib->kab", A, A, optimize=True)
        right += np.einsum("nkia,nki->ka", A, b)
    return np.linalg.solve(normal, right[..., None])[..., 0]


def _surface(
    shape: Float[np.ndarray, "478 3"], viewmats: np.ndarray, camera: Intrinsics
) -> _Surface:
    """An even grid over the landmarks as seen from the front, without mouth, jaw and eyes."""
    step = np.median(viewmats[:, 2, 3]) / camera.focal * _SPACING * _scale(camera)
    low, high = shape[:, :2].min(0), shape[:, :2].max(0)
    axes = [np.arange(a, b, step) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    depth = LinearNDInterpolator(shape[:, :2], shape[:, 2])
    slopes = [(depth(grid + d) - depth(grid - d)) / (4 * step) for d in 2 * step * np.eye(2)]
    normals = np.stack([*slopes, -np.ones(len(grid))], -1)
    points = np.concatenate([grid, depth(grid)[:, None]], 1)
    lips = shape[list(INNER_LIP), :2]
    lowest = lips[:, 1].max()
    kept = np.isfinite(points.sum(1) + normals.sum(1))
    kept &= grid[:, 1] < lowest + (1 - _JAW) * (shape[CHIN, 1] - lowest)
    moving = [(lips.mean(0), np.ptp(lips[:, 0]) * np.array(_MOUTH))]
    for corners in (shape[list(eye), :2] for eye in _EYES):
        moving.append((corners.mean(0), np.full(2, _EYE * np.linalg.norm(corners[1] - corners[0]))))
    for centre, axes in moving:
        kept &= np.linalg.norm((grid - centre) / axes, axis=1) > 1
    unit = normals[kept] / np.linalg.norm(normals[kept], axis=1, keepdims=True)
    return _Surface(points[kept], unit)


def _scale(camera: Intrinsics) -> float:
    """Pixels of a frame for one of 512."""
    return 2 * camera.centre / 512


def _pattern(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """The skin's pattern: grey without light and shade, everywhere of one contrast."""
    scale = image.shape[1] / 512
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), max(0.5, _FINE * scale))
    high = grey - _smooth(grey, _COARSE * scale)
    contrast = np.sqrt(_smooth(high * high, _COARSE * scale))
    return high * (_CONTRAST / (contrast + _FLAT))


def _smooth(image: Float32[np.ndarray, "h w"], sigma: float) -> Float32[np.ndarray, "h w"]:
    """A wide Gaussian blur, at a quarter of the size."""
    rows, columns = image.shape
    quarter = cv2.resize(image, (columns // 4, rows // 4), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(quarter, (0, 0), sigma / 4), (columns, rows))


def _place(
    surface: _Surface, viewmat: np.ndarray, camera: Intrinsics
) -> tuple[Float[np.ndarray, "m 3"], Float32[np.ndarray, "m 2"], Bool[np.ndarray, " m"]]:
    """The points before the camera, as indices of pixels, and which of them face it."""
    p = surface.points @ viewmat[:3, :3].T + viewmat[:3, 3]
    towards = -np.einsum("mi,mi->m", surface.normals @ viewmat[:3, :3].T, p)
    facing = towards > _FACING * np.linalg.norm(p, axis=1)
    return p, (project(p, camera) - 0.5).astype(np.float32), facing


def _read(image: Float32[np.ndarray, "h w"], at: Float32[np.ndarray, "m 2"]) -> np.ndarray:
    # In one row, of which OpenCV takes 2^15 columns.
    return cv2.remap(
        image, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )[0].astype(np.float64)


def _sample(
    pattern: np.ndarray, surface: _Surface, viewmat: np.ndarray, camera: Intrinsics
) -> tuple[Float[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
    _, at, facing = _place(surface, viewmat, camera)
    return _read(pattern, at), facing


def _template(seen: Sequence[tuple[np.ndarray, np.ndarray]]) -> _Template:
    """Robust mean and variance of all points, from their values and visibility in frames."""
    values, visible = (np.stack(x) for x in zip(*seen, strict=True))
    count = np.maximum(visible.sum(0), 1)
    mean = (visible * values).sum(0) / count
    for _ in range(2):
        weights = visible / (1 + ((values - mean) / (0.6 * _CONTRAST)) ** 2)
        mean = (weights * values).sum(0) / np.maximum(weights.sum(0), 1e-6)
    squares = np.minimum((values - mean) ** 2, 2 * _CONTRAST**2) * visible
    variance = squares.sum(0) / count + _NOISE
    return _Template(mean, (visible.mean(0) > _OFTEN) / variance, variance)


def _refined(
    pattern: np.ndarray,
    surface: _Surface,
    template: _Template,
    start: Float[np.ndarray, "4 4"],
    camera: Intrinsics,
) -> Float[np.ndarray, "4 4"]:
    """The pose of one frame, held to the start as `_PRIOR` says."""
    turn, shift, depth = _PRIOR
    shift *= _scale(camera) * start[2, 3] / camera.focal
    prior = np.array([turn, turn, turn, shift, shift, depth]) ** -2.0
    gradients = [cv2.Sobel(pattern, cv2.CV_32F, *way, ksize=3) / 8 for way in ((1, 0), (0, 1))]
    pose, light = start.copy(), np.zeros(2)
    for _ in range(_STEPS):
        p, at, facing = _place(surface, pose, camera)
        r = _read(pattern, at) - (1 + light[0]) * template.mean - light[1]
        w = template.weight * facing / (1 + r**2 / (2 * template.variance)) / _LIKE_NEIGHBOURS
        slope = np.stack([_read(g, at) for g in gradients], -1)
        by_shift = np.einsum("mi,mij->mj", slope, projection_jacobian(p, camera))
        by_turn = np.einsum("mi,mij->mj", by_shift, -cross_matrix(p - pose[:3, 3]))
        J = np.concatenate([by_turn, by_shift, -template.mean[:, None], -np.ones((len(p), 1))], 1)
        weighted = (J * w[:, None]).T
        H, b = weighted @ J, -weighted @ r
        turned = Rotation.from_matrix(pose[:3, :3] @ start[:3, :3].T).as_rotvec()
        b[:6] -= prior * np.concatenate([turned, pose[:3, 3] - start[:3, 3]])
        H[range(8), range(8)] += [*prior, 100.0, 1.0]
        step = np.linalg.solve(H, b)
        pose[:3, :3] = Rotation.from_rotvec(step[:3]).as_matrix() @ pose[:3, :3]
        pose[:3, 3] += step[3:6]
        light += step[6:]
    return pose


def _mean_correction(
    before: Float[np.ndarray, "n 4 4"], after: Float[np.ndarray, "n 4 4"]
) -> Float[np.ndarray, "4 4"]:
    """What undoes, on the head's side, the mean of what was changed."""
    change = np.linalg.inv(before) @ after
    mean = np.eye(4)
    mean[:3, :3] = Rotation.from_matrix(change[:, :3, :3]).mean().as_matrix()
    mean[:3, 3] = change[:, :3, 3].mean(0)
    return np.linalg.inv(mean)
