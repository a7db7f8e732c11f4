"""The focal length of a clip, by search as in prior work: the one whose rigid head fits best.

A face that stays at one distance hardly shows it, so the default stands unless another is clearly
better.
"""

import numpy as np
from jaxtyping import Float

from audioplane.clock import spread_over
from audioplane.prepare.pose.camera import (
    FOCAL_PER_SIZE,
    Intrinsics,
    huber_weights,
    project,
    to_camera,
)
from audioplane.prepare.pose.fit import fit_rigid, refine_poses

_CANDIDATES = (600.0, 800.0, 1500.0, 2100.0)
"""Pixels at size 512, besides the default; prior work tries 600 to 1400."""
_CLEARLY = 0.95
"""Fraction of the default's cost that another must stay below: on five clips the least is 0.989."""
_FRAMES = 60
_ROUNDS = 10


def find_focal(
    observed: Float[np.ndarray, "n k 2"], guess: Float[np.ndarray, "k 3"], size: int, huber: float
) -> float:
    """Focal length, pixels, of frames of `size`; other arguments as in `fit_head`."""
    some = spread_over(len(observed), _FRAMES)
    usual = FOCAL_PER_SIZE * size
    costs = {usual: _CLEARLY * _cost(observed[some], guess, Intrinsics(usual, size / 2), huber)}
    for candidate in _CANDIDATES:
        camera = Intrinsics(candidate * size / 512, size / 2)
        costs[camera.focal] = _cost(observed[some], guess, camera, huber)
    return min(costs, key=lambda focal: costs[focal])


def _cost(observed: np.ndarray, guess: np.ndarray, camera: Intrinsics, huber: float) -> float:
    """Mean Huber loss of the landmarks under the best rigid head, pixels²."""
    shape, poses = fit_rigid(observed, guess, camera, huber, _ROUNDS)
    points = np.broadcast_to(shape, (len(observed), *shape.shape))
    poses = refine_poses(observed, points, poses, camera, huber)
    residual = observed - project(to_camera(shape, *poses), camera)
    weight = huber_weights(residual, huber)
    # w r² is r² within the limit and limit · r beyond; Huber's loss is (1 − w / 2) of that.
    return float(((1 - weight / 2) * weight * (residual**2).sum(-1)).mean())
