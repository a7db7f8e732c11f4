"""Smoothing of a track of head poses that keeps its motion.

Rotation and depth are noisy and move slowly: they are smoothed. The position across the image is
exact to a fraction of a pixel and moves fast: it is fitted again to the landmarks of every frame.
Nothing is smoothed over a cut or a frame without a face.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from audioplane.prepare.pose.fit import (
    HeadFit,
    Intrinsics,
    blocks,
    huber_weights,
    project,
    to_camera,
)

ROTATION_SIGMA = 0.7
"""Frames."""
DEPTH_SIGMA = 1.5
"""Frames."""
_CUT_DEGREES = 8.0
"""Rotation between frames that is too large for a head."""
_CUT_SHIFT = 0.25
"""Shift between frames that is too large for a head, in distances of the outer eye corners."""


def segments(
    fit: HeadFit, frames: Int[np.ndarray, " n"], eye_distance: float, cuts: Sequence[int] = ()
) -> list[slice]:
    """Runs of successive frames without a cut.

    Args:
        fit: the head.
        frames: numbers of the fitted frames.
        eye_distance: metres.
        cuts: first frames of new shots; jumps of the head separate runs too.
    """
    turn = Rotation.from_matrix(
        fit.rotations[1:] @ fit.rotations[:-1].transpose(0, 2, 1)
    ).magnitude()
    shift = np.linalg.norm(np.diff(fit.translations[:, :2], axis=0), axis=-1)
    broken = (
        (np.diff(frames) > 1) | (np.degrees(turn) > _CUT_DEGREES)
        | (shift > _CUT_SHIFT * eye_distance) | np.isin(frames[1:], cuts)
    )  # fmt: skip
    ends = [0, *(np.flatnonzero(broken) + 1).tolist(), len(frames)]
    return [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]


def smooth_poses(
    fit: HeadFit, observed: Float[np.ndarray, "n k 2"], camera: Intrinsics, runs: list[slice]
) -> tuple[Float[np.ndarray, "n 3 3"], Float[np.ndarray, "n 3"]]:
    """Rotations and translations, smoothed within each run."""
    # Rotation vectors wrap at half a turn, so they are taken about the mean pose.
    mean = Rotation.from_matrix(fit.rotations).mean()
    vectors = (Rotation.from_matrix(fit.rotations) * mean.inv()).as_rotvec()
    translations = fit.translations.copy()
    for run in runs:
        vectors[run] = gaussian_filter1d(vectors[run], ROTATION_SIGMA, axis=0, mode="nearest")
        translations[run, 2] = gaussian_filter1d(translations[run, 2], DEPTH_SIGMA, mode="nearest")
    rotations = (Rotation.from_rotvec(vectors) * mean).as_matrix()
    for f in blocks(len(observed)):
        points = fit.part(f).points()
        translations[f] = _refit_across(points, rotations[f], translations[f], observed[f], camera)
    return rotations, translations


def _refit_across(
    points: np.ndarray,
    rotations: np.ndarray,
    translations: np.ndarray,
    observed: np.ndarray,
    camera: Intrinsics,
) -> Float[np.ndarray, "n 3"]:
    """x and y of the translations by weighted least squares, the rest being given."""
    translations = translations.copy()
    for _ in range(3):
        p = to_camera(points, rotations, translations)
        residual = observed - project(p, camera)
        gain = camera.focal / p[..., 2]
        weight = huber_weights(residual, 2.0)
        step = (weight * gain)[..., None] * residual
        translations[:, :2] += step.sum(1) / (weight * gain**2).sum(1)[:, None]
    return translations
