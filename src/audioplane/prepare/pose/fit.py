"""Stage pose: one personal shape, few face shapes and a pose per frame, fitted to all frames.

The model of landmark k in frame t, with K points, T frames and B face shapes:

    x_tk = f / z · (X, Y) + c,   (X, Y, z) = R_t (S_k + Σ_b e_tb E_bk) + T_t

    S [K,3]    shape of the head at rest, metres, axes and origin fixed to the head
    E [B,K,3]  face shapes, free of rigid motion
    e [T,B]    how much of each a frame shows
    R, T       world→camera pose, OpenCV axes
    f, c       focal length and centre, pixels

Poses, shape and face shapes are solved in turn, each a linear or Gauss-Newton least-squares
problem with Huber weights (bundle adjustment by alternation). The focal length is given
(`focal.py`).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from audioplane.clock import spread_over
from audioplane.face.similarity import fit_similarity
from audioplane.prepare.pose.bundle import (
    LandmarkModel,
    LandmarkMotion,
    refine_all,
    refine_jointly,
    without_rigid_motion,
)
from audioplane.prepare.pose.camera import (
    Intrinsics,
    blocks,
    cross_matrix,
    huber_weights,
    project,
    projection_jacobian,
    to_camera,
)

N_FACE_SHAPES = 6
"""B."""
HUBER = 2.0
"""Residual above which a point's weight falls, pixels at size 512."""

_ROUNDS = 9
_JOINT_FRAMES = 500
"""Frames, evenly spread, for the final fit of the head, which has few unknowns."""
_GUESS_RIDGE = 2e-4
"""Weight of the first guess of the shape, relative to that of a well-seen point."""
_RIDGE = 0.05
"""Shrinks face-shape coefficients, because part of the residual is noise."""
_MOST = 4.0
"""Bound on face shapes, standard deviations."""


@dataclass(frozen=True)
class HeadFit:
    """A fitted head. n frames (valid ones only), k points."""

    shape: Float[np.ndarray, "k 3"]
    """Metres."""
    face_shapes: Float[np.ndarray, "b k 3"]
    """Metres at one standard deviation."""
    coefficients: Float[np.ndarray, "n b"]
    """Standard deviations."""
    rotations: Float[np.ndarray, "n 3 3"]
    translations: Float[np.ndarray, "n 3"]
    """Metres."""

    def part(self, frames: slice) -> "HeadFit":
        """Some of the frames."""
        return replace(
            self,
            coefficients=self.coefficients[frames],
            rotations=self.rotations[frames],
            translations=self.translations[frames],
        )

    def points(self) -> Float[np.ndarray, "n k 3"]:
        """The head of every frame in its own axes."""
        return self.shape + np.einsum("nb,bkd->nkd", self.coefficients, self.face_shapes)


def fit_head(
    observed: Float[np.ndarray, "n k 2"],
    shape: Float[np.ndarray, "k 3"],
    camera: Intrinsics,
    huber: float = HUBER,
    most_frames: int = 1500,
) -> HeadFit:
    """Fit shape, face shapes and poses to landmarks.

    Args:
        observed: landmarks, pixels.
        shape: first guess of the shape, metres, in the head's axes (x right, y down, z away from
            the camera for a frontal face).
        camera: fixed intrinsics.
        huber: robust limit, pixels.
        most_frames: shape and face shapes are fitted to at most so many, evenly spread.

    Returns:
        The fit; its shape keeps the guess's position, axes and size (`rigid_gauge`).
    """
    chosen = spread_over(len(observed), most_frames)
    shape, face_shapes = _fit_shape(observed[chosen], shape, camera, huber)
    poses = _first_poses(observed, shape, camera)
    points = np.broadcast_to(shape, (len(observed), *shape.shape))
    rotations, translations = refine_poses(observed, points, poses, camera, huber, steps=6)
    coefficients = np.zeros((len(observed), len(face_shapes)))
    start = LandmarkMotion(rotations, translations, coefficients)
    motion = refine_all(observed, LandmarkModel(shape, face_shapes), start, camera, huber)
    return HeadFit(shape, face_shapes, motion.coefficients, motion.rotations, motion.translations)


def _fit_shape(
    observed: np.ndarray, shape: np.ndarray, camera: Intrinsics, huber: float
) -> tuple[Float[np.ndarray, "k 3"], Float[np.ndarray, "b k 3"]]:
    """Shape and face shapes, by turns with the poses that go with them."""
    n, k = observed.shape[:2]
    guess = shape
    face_shapes, coefficients = np.zeros((0, k, 3)), np.zeros((n, 0))
    shape, poses = fit_rigid(observed, guess, camera, huber)
    for _ in range(_ROUNDS):
        points = shape + np.einsum("nb,bkd->nkd", coefficients, face_shapes)
        poses = refine_poses(observed, points, poses, camera, huber)
        shape = _refine_shape(observed, shape, (points - shape, guess), poses, camera, huber)
        shape, *moved = rigid_gauge(shape, guess, *poses)
        poses = moved[0], moved[1]
        if n > 4 * N_FACE_SHAPES:
            lifted = _lifted_residual(observed, shape, poses, camera)
            face_shapes = _principal(lifted - lifted.mean(0), shape)
            coefficients = _coefficients(lifted, face_shapes)
    if not len(face_shapes):
        return shape, face_shapes
    some = spread_over(n, _JOINT_FRAMES)
    motion = LandmarkMotion(poses[0][some], poses[1][some], coefficients[some])
    head = refine_jointly(observed[some], LandmarkModel(shape, face_shapes), motion, camera, huber)
    onto_guess = fit_similarity(head.shape, guess)
    turned = onto_guess.scale * head.face_shapes @ onto_guess.rotation.T
    return onto_guess(head.shape), turned


def fit_rigid(
    observed: Float[np.ndarray, "n k 2"],
    guess: Float[np.ndarray, "k 3"],
    camera: Intrinsics,
    huber: float,
    rounds: int = 5,
) -> tuple[Float[np.ndarray, "k 3"], tuple[np.ndarray, np.ndarray]]:
    """A shape without face shapes, and the poses that go with it. Arguments as in `fit_head`."""
    shape, poses = guess, _first_poses(observed, guess, camera)
    still = np.zeros((len(observed), *guess.shape))
    for _ in range(rounds):
        poses = refine_poses(observed, shape + still, poses, camera, huber)
        shape = _refine_shape(observed, shape, (still, guess), poses, camera, huber)
        shape, *moved = rigid_gauge(shape, guess, *poses)
        poses = moved[0], moved[1]
        shape = _rescale_depth(observed, shape, poses, camera, huber)
    return shape, poses


def _first_poses(
    observed: np.ndarray, shape: np.ndarray, camera: Intrinsics
) -> tuple[np.ndarray, np.ndarray]:
    """Scaled-orthographic poses: least-squares affine camera, made a rotation."""
    centred = shape - shape.mean(0)
    middle = observed.mean(1)
    affine = np.einsum("nki,kj->nij", observed - middle[:, None], np.linalg.pinv(centred).T)
    scale = np.linalg.norm(affine, axis=-1).mean(-1)
    rows = affine / scale[:, None, None]
    third = np.cross(rows[:, 0], rows[:, 1])
    u, _, vt = np.linalg.svd(np.concatenate([rows, third[:, None]], 1))
    u[..., -1] *= np.sign(np.linalg.det(u @ vt))[:, None]
    rotations = u @ vt
    depth = camera.focal / scale
    xy = (middle - camera.centre) * (depth / camera.focal)[:, None]
    translations = np.concatenate([xy, depth[:, None]], 1) - rotations @ shape.mean(0)
    return rotations, translations


def refine_poses(
    observed: Float[np.ndarray, "n k 2"],
    points: Float[np.ndarray, "n k 3"],
    poses: tuple[Float[np.ndarray, "n 3 3"], Float[np.ndarray, "n 3"]],
    camera: Intrinsics,
    huber: float,
    steps: int = 4,
) -> tuple[Float[np.ndarray, "n 3 3"], Float[np.ndarray, "n 3"]]:
    """Gauss-Newton on all poses, the head of every frame being given."""
    found = [
        _refined(observed[f], points[f], (poses[0][f], poses[1][f]), camera, (huber, steps))
        for f in blocks(len(observed))
    ]
    return np.concatenate([r for r, _ in found]), np.concatenate([t for _, t in found])


def _refined(
    observed: np.ndarray,
    points: np.ndarray,
    poses: tuple[np.ndarray, np.ndarray],
    camera: Intrinsics,
    how: tuple[float, int],
) -> tuple[np.ndarray, np.ndarray]:
    """A block of them. `how`: Huber's limit and the number of steps."""
    rotations, translations = poses
    huber, steps = how
    for _ in range(steps):
        turned = points @ rotations.transpose(0, 2, 1)
        p = turned + translations[:, None]
        residual = observed - project(p, camera)
        weight = huber_weights(residual, huber)
        by_point = projection_jacobian(p, camera)
        jacobian = np.concatenate([by_point @ -cross_matrix(turned), by_point], -1)
        normal = np.einsum("nk,nkia,nkib->nab", weight, jacobian, jacobian, optimize=True)
        right = np.einsum("nk,nkia,nki->na", weight, jacobian, residual, optimize=True)
        normal += 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(6)
        step = np.linalg.solve(normal, right[..., None])[..., 0]
        rotations = Rotation.from_rotvec(step[:, :3]).as_matrix() @ rotations
        translations = translations + step[:, 3:]
    return rotations, translations


def _rescale_depth(
    observed: np.ndarray,
    shape: np.ndarray,
    poses: tuple[np.ndarray, np.ndarray],
    camera: Intrinsics,
    huber: float,
) -> Float[np.ndarray, "k 3"]:
    """The shape with the depth that fits the head's rotation best.

    Depth and rotation compensate each other, so that the alternation converges slowly; a parabola
    through three depths, each with its own best poses, finds the minimum in one step.
    """
    some = spread_over(len(observed), 200)
    scales = np.array([0.9, 1.0, 1.1])
    centre = shape.mean(0)
    costs = []
    for scale in scales:
        points = centre + (shape - centre) * [1.0, 1.0, scale]
        points = np.broadcast_to(points, (len(some), *shape.shape))
        r, t = refine_poses(
            observed[some], points, (poses[0][some], poses[1][some]), camera, huber, steps=6
        )
        residual = observed[some] - project(to_camera(points, r, t), camera)
        weight = huber_weights(residual, huber)
        costs.append((weight * (residual**2).sum(-1)).mean())
    curve, slope, _ = np.polyfit(scales - 1, costs, 2)
    if curve <= 1e-3 * min(costs):  # a head that does not turn shows no depth
        return shape
    best = 1 + float(np.clip(-slope / (2 * curve), -0.15, 0.15))
    return centre + (shape - centre) * [1.0, 1.0, best]


def _refine_shape(
    observed: np.ndarray,
    shape: np.ndarray,
    others: tuple[np.ndarray, np.ndarray],
    poses: tuple[np.ndarray, np.ndarray],
    camera: Intrinsics,
    huber: float,
) -> Float[np.ndarray, "k 3"]:
    """One damped Gauss-Newton step of every point of the shape, poses being given.

    `others`: the frames' face shapes, and the shape that holds where nothing is visible.
    """
    deformation, guess = others
    rotations, translations = poses
    p = to_camera(shape + deformation, rotations, translations)
    residual = observed - project(p, camera)
    weight = huber_weights(residual, huber)
    jacobian = projection_jacobian(p, camera) @ rotations[:, None]
    normal = np.einsum("nk,nkia,nkib->kab", weight, jacobian, jacobian, optimize=True)
    right = np.einsum("nk,nkia,nki->ka", weight, jacobian, residual, optimize=True)
    # A head that hardly turns does not show depth: there the guess holds.
    scale = np.trace(normal, axis1=1, axis2=2)[:, None]
    right -= _GUESS_RIDGE * scale * (shape - guess)
    damping = (2e-3 + _GUESS_RIDGE) * scale[..., None] * np.eye(3)
    return shape + np.linalg.solve(normal + damping, right[..., None])[..., 0]


def rigid_gauge(
    shape: Float[np.ndarray, "k 3"],
    guess: Float[np.ndarray, "k 3"],
    rotations: Float[np.ndarray, "n 3 3"],
    translations: Float[np.ndarray, "n 3"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn, move and scale the shape onto `guess`, and the poses so that no pixel moves."""
    onto_guess = fit_similarity(shape, guess)
    # shape = Gᵀ (moved − g) / s, so R shape + T, scaled by s, is R Gᵀ moved + (s T − R Gᵀ g).
    new_rotations = rotations @ onto_guess.rotation.T
    new_translations = onto_guess.scale * translations - new_rotations @ onto_guess.shift
    return onto_guess(shape), new_rotations, new_translations


def _lifted_residual(
    observed: np.ndarray,
    shape: np.ndarray,
    poses: tuple[np.ndarray, np.ndarray],
    camera: Intrinsics,
) -> Float[np.ndarray, "n k3"]:
    """The rigid head's residuals, in the head's axes, metres.

    Its depth is unknown and taken as zero in the camera's axes.
    """
    rotations, translations = poses
    p = to_camera(shape, rotations, translations)
    residual = observed - project(p, camera)
    flat = np.concatenate([residual * p[..., 2:] / camera.focal, np.zeros_like(p[..., :1])], -1)
    return (flat @ rotations).reshape(len(observed), -1)


def _principal(
    moved: Float[np.ndarray, "n k3"], shape: Float[np.ndarray, "k 3"]
) -> Float[np.ndarray, "b k 3"]:
    """Principal components at one standard deviation, free of rigid motion."""
    k = len(shape)
    moved = without_rigid_motion(moved.reshape(-1, k, 3), shape).reshape(len(moved), -1)
    variance, directions = np.linalg.eigh(moved.T @ moved / len(moved))
    largest = np.arange(3 * k - 1, 3 * k - 1 - N_FACE_SHAPES, -1)
    spread = np.sqrt(np.maximum(variance[largest], 1e-12))
    return (directions[:, largest] * spread).T.reshape(-1, k, 3)


def _coefficients(
    moved: Float[np.ndarray, "n k3"], face_shapes: Float[np.ndarray, "b k 3"]
) -> Float[np.ndarray, "n b"]:
    """The frames' face-shape coefficients; a ridge bounds outliers."""
    if not len(face_shapes):
        return np.zeros((len(moved), 0))
    flat = face_shapes.reshape(len(face_shapes), -1)
    power = (flat**2).sum(1)
    return np.clip(moved @ flat.T / (power * (1 + _RIDGE)), -_MOST, _MOST)
