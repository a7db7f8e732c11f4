"""Outlines as functions: how far the head reaches in each direction, how high the body in each
column. Being functions they cannot leak, and the best one is found exactly (Viterbi).

The head is sampled on rays in the face's own axes (row = direction, column = distance); the body
on image columns from bottom to top. In either grid the person lies before the boundary and the
background behind it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from audioplane.prepare.geometry import FaceFrame

N_RAYS = 180
N_STEPS = 100
NEAR, FAR = 0.55, 1.9
"""Distances that a ray covers; 1 is an average head's outline."""
_WIDE, _HIGH, _MIDDLE = 0.57, 0.63, -0.62
"""An average head with hair, in face heights: half width, half height, centre above the chin."""
BODY_GRID = 128
"""Columns and rows of the body's grid, over the whole frame."""
_JUMP = 5
"""Steps that an outline may move from one row to the next."""


@dataclass(frozen=True)
class RayGrid:
    """Where the rays of one frame's head lie in the picture."""

    x: Float32[np.ndarray, "rays steps"]
    y: Float32[np.ndarray, "rays steps"]
    inside: Float32[np.ndarray, "rays steps"]
    """1 inside the picture, 0 outside."""

    @staticmethod
    def of(frame: FaceFrame, size: int) -> "RayGrid":
        """Rays of a face; the first one points down."""
        points = ray_points(frame, np.linspace(NEAR, FAR, N_STEPS)[None].repeat(N_RAYS, 0))
        x, y = points[..., 0].astype(np.float32), points[..., 1].astype(np.float32)
        inside = (x >= 0) & (y >= 0) & (x <= size - 1) & (y <= size - 1)
        return RayGrid(x, y, inside.astype(np.float32))

    def sample(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "rays steps 3"]:
        """Colours along the rays."""
        return cv2.remap(image, self.x, self.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def directions() -> Float[np.ndarray, " rays"]:
    """Angle of each ray, radians from straight down."""
    return 2 * np.pi * (np.arange(N_RAYS) + 0.5) / N_RAYS


def ray_points(
    frame: FaceFrame, distance: Float[np.ndarray, "rays *steps"]
) -> Float[np.ndarray, "rays *steps 2"]:
    """Points at the given distances of each ray, pixels."""
    angle = directions().reshape(-1, *[1] * (distance.ndim - 1))
    right = _WIDE * distance * np.sin(angle)
    down = _MIDDLE + _HIGH * distance * np.cos(angle)
    return frame.chin + frame.h * (right[..., None] * frame.u + down[..., None] * frame.v)


def best_outline(
    evidence: Float[np.ndarray, "rows steps"],
    prior: Float[np.ndarray, "rows steps"],
    stiffness: float,
) -> Int[np.ndarray, " rows"]:
    """For every row the number of steps that belong to the person.

    Minimises Σ (prior − Σ_{before} evidence) + stiffness · Σ |difference of neighbours|.

    Args:
        evidence: log odds of person against background at each step.
        prior: cost of each boundary position.
        stiffness: cost of one step between neighbouring rows.
    """
    rows, steps = evidence.shape
    gain = np.cumsum(evidence, axis=1) - evidence
    cost = prior - gain
    jumps = np.arange(-_JUMP, _JUMP + 1)
    came = np.zeros((rows, steps), np.int64)
    total = cost[0]
    for row in range(1, rows):
        padded = np.pad(total, _JUMP, constant_values=np.inf)
        options = np.lib.stride_tricks.sliding_window_view(padded, 2 * _JUMP + 1)
        options = options + stiffness * np.abs(jumps)
        best = options.argmin(1)
        came[row] = np.arange(steps) + jumps[best]
        total = options[np.arange(steps), best] + cost[row]
    path = np.zeros(rows, np.int64)
    path[-1] = int(total.argmin())
    for row in range(rows - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path


def edges(colours: UInt8[np.ndarray, "rows steps 3"]) -> Float[np.ndarray, "rows steps"]:
    """How strongly colour changes at each step, 0 to 1."""
    values = cv2.GaussianBlur(colours, (0, 0), 1.0).astype(np.float32)
    change = np.abs(np.diff(values, axis=1, prepend=values[:, :1])).max(-1)
    return np.minimum(change / 30.0, 1.0)
