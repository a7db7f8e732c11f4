"""Outlines as functions: how far the head reaches in each direction, how high the body in each
column. Being functions they cannot leak, and the best one is found exactly (Viterbi).

The head is sampled on rays in the face's own axes (row = direction, column = distance); the body
on image columns from bottom to top. In either grid the person lies before the boundary and the
background behind it.
"""

from dataclasses import dataclass
from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from audioplane.jit import jit
from audioplane.prepare.pose.camera import Intrinsics

N_RAYS = 180
N_STEPS = 100
NEAR, FAR = 0.55, 1.9
"""Distances that a ray covers; 1 is an average head's outline."""
_WIDE, _HIGH = 0.113, 0.13
"""Half width and half height of an average head with hair, metres."""
_BELOW = np.radians(35.0)
"""Rays within this angle of straight down cross jaw and neck and know nothing of an outline."""
BODY_GRID = 128
"""Columns and rows of the body's grid, over the whole frame."""
_JUMP = 5
"""Steps that an outline may move from one row to the next."""


@dataclass(frozen=True)
class HeadFrame:
    """The head's centre and upright in the picture, from its pose: a turning head keeps them."""

    centre: Float[np.ndarray, "2"]
    u: Float[np.ndarray, "2"]
    v: Float[np.ndarray, "2"]
    """Down the head."""
    metre: float
    """Pixels a metre at the head's distance."""

    @staticmethod
    def of(viewmat: Float[np.ndarray, "4 4"], camera: Intrinsics) -> "HeadFrame":
        """From a world→camera pose."""
        at = viewmat[:3, 3]
        metre = camera.focal / at[2]
        v = viewmat[:2, 1] / np.linalg.norm(viewmat[:2, 1])
        centre = camera.focal * at[:2] / at[2] + camera.centre
        return HeadFrame(centre, np.array([v[1], -v[0]]), v, float(metre))

    def onto(self, other: "HeadFrame") -> Float[np.ndarray, "2 3"]:
        """Turn, scale and shift that take this head's outline to another frame's.

        Landmarks would not do: nose and eyes lie nearer than the outline and move ahead of it.
        """
        turn = (
            np.stack([other.u, other.v], 1)
            @ np.stack([self.u, self.v])
            * (other.metre / self.metre)
        )
        return np.concatenate([turn, (other.centre - turn @ self.centre)[:, None]], 1)


@dataclass(frozen=True)
class RayGrid:
    """Where the rays of one frame's head lie in the picture."""

    x: Float32[np.ndarray, "rays steps"]
    y: Float32[np.ndarray, "rays steps"]
    inside: Float32[np.ndarray, "rays steps"]
    """1 where a sample says something about the head's outline, else 0."""

    @staticmethod
    def of(frame: HeadFrame, size: int) -> "RayGrid":
        """Rays of a face; the first one points down."""
        points = ray_points(frame, np.linspace(NEAR, FAR, N_STEPS)[None].repeat(N_RAYS, 0))
        x, y = points[..., 0].astype(np.float32), points[..., 1].astype(np.float32)
        inside = (x >= 0) & (y >= 0) & (x <= size - 1) & (y <= size - 1)
        angle = directions()[:, None]
        inside &= (angle > _BELOW) & (angle < 2 * np.pi - _BELOW)
        return RayGrid(x, y, inside.astype(np.float32))

    def sample(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "rays steps 3"]:
        """Colours along the rays."""
        return cv2.remap(image, self.x, self.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def directions() -> Float[np.ndarray, " rays"]:
    """Angle of each ray, radians from straight down."""
    return 2 * np.pi * (np.arange(N_RAYS) + 0.5) / N_RAYS


def ray_points(
    frame: HeadFrame, distance: Float[np.ndarray, "rays ..."]
) -> Float[np.ndarray, "rays ... 2"]:
    """Points at the given distances of each ray, pixels."""
    angle = directions().reshape(-1, *[1] * (distance.ndim - 1))
    right = frame.metre * _WIDE * distance * np.sin(angle)
    down = frame.metre * _HIGH * distance * np.cos(angle)
    return frame.centre + right[..., None] * frame.u + down[..., None] * frame.v


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
    gain = np.cumsum(evidence, axis=1) - evidence
    return _cheapest_path(prior - gain, stiffness)


@jit()
@no_type_check
def _cheapest_path(cost, stiffness):
    """Viterbi: one column for every row, neighbours at most `_JUMP` apart."""
    rows, steps = cost.shape
    came = np.zeros((rows, steps), np.int64)
    total = cost[0].copy()
    for row in range(1, rows):
        following = np.empty(steps)
        for step in range(steps):
            best, least = step, np.inf
            for before in range(max(0, step - _JUMP), min(steps, step + _JUMP + 1)):
                value = total[before] + stiffness * abs(step - before)
                if value < least:
                    best, least = before, value
            came[row, step] = best
            following[step] = least + cost[row, step]
        total = following
    path = np.zeros(rows, np.int64)
    path[-1] = total.argmin()
    for row in range(rows - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path


def edges(colours: UInt8[np.ndarray, "rows steps 3"]) -> Float[np.ndarray, "rows steps"]:
    """How strongly colour changes at each step, 0 to 1."""
    values = cv2.GaussianBlur(colours, (0, 0), 1.0).astype(np.float32)
    change = np.abs(np.diff(values, axis=1, prepend=values[:, :1])).max(-1)
    return np.minimum(change / 30.0, 1.0)
