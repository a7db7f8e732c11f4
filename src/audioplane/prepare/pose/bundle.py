"""Poses and face shapes of a head solved together: the end of the pose stage's bundle adjustment.

Symbols as in `fit.py`. If face shapes were solved on the residuals of the poses,
the poses would take all that looks like turning. So both are solved together:

    min over R_t, T_t, e_t of  Σ_k w_tk |x_tk − observed_tk|² + σ² |e_t|²

with σ² the noise of a landmark, then S and E by linear least squares of every point, in turn.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from audioplane.prepare.pose.camera import (
    Intrinsics,
    blocks,
    cross_matrix,
    huber_weights,
    project,
    projection_jacobian,
    to_camera,
)

_ROUNDS = 40
_SETTLED = 1e-4
"""Root mean square change of the poses in a round, radians, below which the solution stands."""
_SHAPE_DAMPING = 2e-3
_RIDGE = 1e-4
"""Prior that keeps the depth of shape and face shapes near the first shape's and zero, where a head
hardly turns and does not show it."""


@dataclass(frozen=True)
class LandmarkModel:
    """The parameters shared by all frames, metres."""

    shape: Float[np.ndarray, "k 3"]
    face_shapes: Float[np.ndarray, "b k 3"]


@dataclass(frozen=True)
class LandmarkMotion:
    """The parameters of every frame."""

    rotations: Float[np.ndarray, "n 3 3"]
    translations: Float[np.ndarray, "n 3"]
    coefficients: Float[np.ndarray, "n b"]

    def points(self, head: LandmarkModel) -> Float[np.ndarray, "n k 3"]:
        """The head of every frame in its own axes."""
        return head.shape + np.einsum("nb,bkd->nkd", self.coefficients, head.face_shapes)

    def part(self, frames: slice) -> "LandmarkMotion":
        """Some of the frames."""
        return LandmarkMotion(
            self.rotations[frames], self.translations[frames], self.coefficients[frames]
        )


def refine_jointly(
    observed: Float[np.ndarray, "n k 2"],
    head: LandmarkModel,
    motion: LandmarkMotion,
    camera: Intrinsics,
    huber: float,
) -> LandmarkModel:
    """The model that fits the landmarks best. `huber`: robust limit, pixels."""
    first = head.shape
    for _ in range(_ROUNDS):
        before = motion.rotations
        motion = refine_all(observed, head, motion, camera, huber, steps=2)
        head = _refine_head(observed, head, motion, camera, (huber, first))
        head, motion = _standardised(head, motion)
        turned = np.square(motion.rotations - before).sum((1, 2)).mean() / 2
        if np.sqrt(turned) < _SETTLED:
            break
    return head


def refine_all(
    observed: Float[np.ndarray, "n k 2"],
    head: LandmarkModel,
    motion: LandmarkMotion,
    camera: Intrinsics,
    huber: float,
    steps: int = 6,
) -> LandmarkMotion:
    """Gauss-Newton on pose and coefficients of every frame, the head being given."""
    squares = np.concatenate(
        [_squares(observed[f], head, motion.part(f), camera) for f in blocks(len(observed))]
    )
    # The median of squares of a normal error is 0.455 of its variance.
    variance = float(np.median(squares)) / 0.455
    parts = []
    for frames in blocks(len(observed)):
        part = motion.part(frames)
        for _ in range(steps):
            part = _step(observed[frames], head, part, camera, (huber, variance))
        parts.append(part)
    return LandmarkMotion(
        np.concatenate([p.rotations for p in parts]),
        np.concatenate([p.translations for p in parts]),
        np.concatenate([p.coefficients for p in parts]),
    )


def _squares(
    observed: np.ndarray, head: LandmarkModel, motion: LandmarkMotion, camera: Intrinsics
) -> Float32[np.ndarray, "n k 2"]:
    """Squared residuals; single precision is enough for their median."""
    return np.square(observed - project(_placed(head, motion), camera)).astype(np.float32)


def _placed(head: LandmarkModel, motion: LandmarkMotion) -> Float[np.ndarray, "n k 3"]:
    return to_camera(motion.points(head), motion.rotations, motion.translations)


def _step(
    observed: np.ndarray,
    head: LandmarkModel,
    motion: LandmarkMotion,
    camera: Intrinsics,
    limits: tuple[float, float],
) -> LandmarkMotion:
    """One Gauss-Newton step. `limits`: Huber's, and the noise's variance, pixels."""
    huber, variance = limits
    n, b = motion.coefficients.shape
    p = _placed(head, motion)
    residual = observed - project(p, camera)
    root = np.sqrt(huber_weights(residual, huber))
    by_point = projection_jacobian(p, camera) * root[..., None, None]
    moved = np.einsum("nij,bkj->nkib", motion.rotations, head.face_shapes, optimize=True)
    turned = -cross_matrix(p - motion.translations[:, None])
    jacobian = np.concatenate([by_point @ turned, by_point, by_point @ moved], -1)
    jacobian = jacobian.reshape(n, -1, 6 + b)
    transposed = jacobian.transpose(0, 2, 1)
    normal = transposed @ jacobian
    right = transposed @ (residual * root[..., None]).reshape(n, -1, 1)
    normal[:, range(6, 6 + b), range(6, 6 + b)] += variance
    right[:, 6:, 0] -= variance * motion.coefficients
    normal += 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(6 + b)
    step = np.linalg.solve(normal, right)[..., 0]
    return LandmarkMotion(
        Rotation.from_rotvec(step[:, :3]).as_matrix() @ motion.rotations,
        motion.translations + step[:, 3:6],
        motion.coefficients + step[:, 6:],
    )


def _refine_head(
    observed: np.ndarray,
    head: LandmarkModel,
    motion: LandmarkMotion,
    camera: Intrinsics,
    prior: tuple[float, np.ndarray],
) -> LandmarkModel:
    """Shape and face shapes of every point by linear least squares, the motion being given.

    `prior`: Huber's limit, and the shape that holds where the landmarks do not show another.
    """
    huber, first = prior
    b, k = head.face_shapes.shape[:2]
    normal, right = np.zeros((k, 3 + 3 * b, 3 + 3 * b)), np.zeros((k, 3 + 3 * b, 1))
    for frames in blocks(len(observed)):
        part = motion.part(frames)
        p = _placed(head, part)
        residual = observed[frames] - project(p, camera)
        root = np.sqrt(huber_weights(residual, huber))[..., None]
        by_point = projection_jacobian(p, camera) @ part.rotations[:, None] * root[..., None]
        share = np.concatenate([np.ones((len(p), 1)), part.coefficients], 1)
        jacobian = by_point[..., None, :] * share[:, None, None, :, None]
        jacobian = jacobian.transpose(1, 0, 2, 3, 4).reshape(k, -1, 3 + 3 * b)
        transposed = jacobian.transpose(0, 2, 1)
        normal += transposed @ jacobian
        right += transposed @ (residual * root).transpose(1, 0, 2).reshape(k, -1, 1)
    scale = np.trace(normal[:, :3, :3], axis1=1, axis2=2)[:, None]
    away = np.concatenate([(head.shape - first)[None], head.face_shapes]).transpose(1, 0, 2)
    right[..., 0] -= _RIDGE * scale * away.reshape(k, -1)
    # Damped as well: a step of the shape must stay within the linear range.
    ridge = np.repeat([_SHAPE_DAMPING, _RIDGE], [3, 3 * b]) * scale
    normal[:, range(3 + 3 * b), range(3 + 3 * b)] += ridge
    step = np.linalg.solve(normal, right).reshape(k, 1 + b, 3).transpose(1, 0, 2)
    return LandmarkModel(head.shape + step[0], head.face_shapes + step[1:])


def _standardised(
    head: LandmarkModel, motion: LandmarkMotion
) -> tuple[LandmarkModel, LandmarkMotion]:
    """Coefficients of mean 0 and covariance 1, face shapes free of rigid motion."""
    mean = motion.coefficients.mean(0)
    shape = head.shape + np.einsum("b,bkd->kd", mean, head.face_shapes)
    centred = motion.coefficients - mean
    covariance = centred.T @ centred / len(centred)
    lower = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(mean)))
    face_shapes = np.einsum("cb,ckd->bkd", lower, head.face_shapes)
    coefficients = np.linalg.solve(lower, centred.T).T
    return (
        LandmarkModel(shape, without_rigid_motion(face_shapes, shape)),
        LandmarkMotion(motion.rotations, motion.translations, coefficients),
    )


def without_rigid_motion(
    moved: Float[np.ndarray, "b k 3"], shape: Float[np.ndarray, "k 3"]
) -> Float[np.ndarray, "b k 3"]:
    """Displacements of a shape without those that look like rotation and shift from the front.

    Orthogonality in space is not enough: the shear (z, 0, x) is orthogonal to turning, (z, 0, −x),
    and in the image it is the same.
    """
    k = len(shape)
    centred = shape - shape.mean(0)
    sideways = np.tile(np.eye(3)[:, :2], (k, 1, 1))
    growing = centred[..., None] * np.array([[1.0], [1.0], [0.0]])  # what an approach looks like
    rigid = np.concatenate([-cross_matrix(centred), sideways, growing], -1)
    # Points that move least define the rigid part best.
    square = np.square(moved).sum((0, 2))
    weight = np.sqrt(np.median(square) / (square + np.median(square)))
    seen = (moved[..., :2] * weight[:, None]).reshape(len(moved), 2 * k)
    weighted = (rigid[:, :2] * weight[:, None, None]).reshape(2 * k, 6)
    share = np.linalg.lstsq(weighted, seen.T, rcond=None)[0]
    rest = moved - np.einsum("kia,ab->bki", rigid, share)
    return rest - rest.mean(1, keepdims=True)
