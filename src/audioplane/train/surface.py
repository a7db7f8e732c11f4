"""The face's surface as the tracker knows it: a prior on depth, which colours alone leave open.

The landmarks of all training frames are triangulated with their poses: one rest shape in the head's
axes. Between them the surface is interpolated over the plane that faces the camera.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.subject import FrameRef, Subject
from audioplane.subject.track import Track

_NODES = 64
"""Of the grid of depths, a side."""
_REACH = 0.05
"""Head widths."""


def triangulate(
    landmarks: Float[np.ndarray, "t k 2"],
    views: Float[np.ndarray, "t 4 4"],
    K: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "k 3"]:
    """Points that are seen at landmarks (pixels) by cameras, by linear least squares."""
    rays = (landmarks - K[:2, 2]) / [K[0, 0], K[1, 1]]
    # (R₀ − u R₂)·X = u t₂ − t₀, and so for v: two rows a view.
    rows = views[:, None, :2, :3] - rays[..., None] * views[:, None, 2:3, :3]
    values = rays * views[:, None, 2:3, 3] - views[:, None, :2, 3]
    A = np.moveaxis(rows, 1, 0).reshape(landmarks.shape[1], -1, 3)
    b = np.moveaxis(values, 1, 0).reshape(landmarks.shape[1], -1)
    return np.linalg.solve(
        np.einsum("kri,krj->kij", A, A), np.einsum("kri,kr->ki", A, b)[..., None]
    )[..., 0]


@dataclass(frozen=True)
class FaceSurface:
    """Depths z of the face over a grid of x and y, in the head's axes; NaN beyond the landmarks."""

    low: Float[np.ndarray, "2"]
    high: Float[np.ndarray, "2"]
    depths: Float[Tensor, "n n"]
    """By y and x."""

    @staticmethod
    def of(points: Float[np.ndarray, "k 3"]) -> "FaceSurface":
        """The surface through points."""
        # Half a second of import that no head being driven needs.
        from scipy.interpolate import LinearNDInterpolator

        low, high = points[:, :2].min(0), points[:, :2].max(0)
        axes = [np.linspace(low[i], high[i], _NODES) for i in range(2)]
        x, y = np.meshgrid(*axes)
        depths = LinearNDInterpolator(points[:, :2], points[:, 2])(x, y)
        return FaceSurface(low, high, torch.from_numpy(depths).float())

    def at(self, means: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """z of the surface where points are; NaN beside it."""
        low, high = (torch.from_numpy(x).to(means) for x in (self.low, self.high))
        unit = 2 * (means[:, :2] - low) / (high - low) - 1
        depths = self.depths.to(means.device)
        sampled = torch.nn.functional.grid_sample(
            depths[None, None], unit[None, None], padding_mode="zeros", align_corners=True
        ).flatten()
        outside = (unit.abs() > 1).any(1)
        return sampled.masked_fill(outside, torch.nan)

    def pull(self, means: Float[Tensor, "n 3"], head_width: float) -> Float[Tensor, ""]:
        """Mean of u²/(1 + u²) over points before or behind the surface, u their distance along z
        in twentieths of a head's width: strong near it, nothing at the back of the head."""
        with torch.no_grad():
            goal = self.at(means)
        known = ~goal.isnan()
        u = ((means[known, 2] - goal[known]) / (_REACH * head_width)).square()
        return (u / (1 + u)).sum() / len(means)

    def sample(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count 3"]:
        """Random points on the surface."""
        y, x = np.nonzero(~np.isnan(self.depths.numpy()))
        chosen = rng.integers(len(x), size=count)
        place = np.stack([x[chosen], y[chosen]], 1) + rng.uniform(-0.5, 0.5, (count, 2))
        xy = self.low + (self.high - self.low) * place / (_NODES - 1)
        z = self.depths.numpy()[y[chosen], x[chosen]]
        return np.column_stack([xy, z])


def face_surface(subject: Subject, refs: tuple[FrameRef, ...]) -> FaceSurface:
    """The surface of a subject's face by its training frames: from the dense landmarks where it was
    tracked here, else from its 68."""
    views = np.stack([ref.viewmat for ref in refs])
    if subject.paths.track.exists():
        landmarks = Track.load(subject.paths.track).landmarks[[ref.img_id for ref in refs]]
    else:
        landmarks = np.stack([subject.landmarks(ref) for ref in refs])
    return FaceSurface.of(triangulate(landmarks.astype(np.float64), views, subject.K))
