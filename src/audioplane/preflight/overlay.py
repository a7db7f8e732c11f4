"""Captions and logos over the person: edges that stand still while what is around them moves.

They are learnt as a part of the torso, or of the mouth where the chin reaches them.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from audioplane.face.landmarker import CHIN, FOREHEAD, Face

WINDOW = 30
"""Frames that are looked at together; a caption has to stay nearly all of them."""
_LEAST_FRAMES = 15
_LONG_SIDE = 384
"""Of the images that are compared, pixels."""
_BESIDE, _BELOW = 1.3, 1.3
"""Face heights to either side of the chin and below it: about what is learnt of the torso."""
_EDGE = 15.0
"""Grey levels a pixel: slope of an edge."""
_MOSTLY = 90
"""Percentile, over the frames, of the differences from the median image."""
_STILL, _MOVING = 5.0, 6.0
"""Grey levels of that percentile: at most where nothing moves, at least, on average, both above and
below it. A wall beside the torso has what moves on one side only."""
_WIDE, _TALL = 41, 24
"""Pixels that are looked at above and below."""
_PIXELS = 60
"""Such pixels of a window that has an overlay: a line of capitals 11 pixels high leaves 122 and
more on five clips, eleven clips without one at most 30."""
_SHARE = 0.25
"""Share of the windows from which an overlay is told."""


@dataclass(frozen=True)
class Glance:
    """A sampled frame, small and grey."""

    stretch: int
    grey: UInt8[np.ndarray, "h w"]
    face: Face
    """In its pixels."""
    scale: float
    """Its pixels in one of the source."""

    @staticmethod
    def of(stretch: int, face: Face, image: UInt8[np.ndarray, "h w 3"]) -> "Glance":
        """Of a frame that shows the face."""
        scale = _LONG_SIDE / max(image.shape[:2])
        size = (max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0])))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        return Glance(stretch, grey, replace(face, points=face.points * np.float32(scale)), scale)


@dataclass(frozen=True)
class Overlay:
    """What stands still over the person, below the chin."""

    share: float
    """Of the windows that were looked at, those that show it."""
    top: int
    """First and last row of it, source pixels."""
    bottom: int


def find_overlay(glances: list[Glance]) -> Overlay | None:
    """The overlay of a video; None without one. `glances`: in the order of the frames."""
    windows = [w for w in _windows(glances) if len(w) >= _LEAST_FRAMES]
    marks = [still_edges(window) for window in windows]
    rows = [np.flatnonzero(m.any(1)) for m in marks if m.sum() >= _PIXELS]
    if not rows or len(rows) < _SHARE * len(windows):
        return None
    top, bottom = (float(np.median([r[end] for r in rows])) for end in (0, -1))
    scale = glances[0].scale
    return Overlay(len(rows) / len(windows), round(top / scale), round((bottom + 1) / scale))


def _windows(glances: list[Glance]) -> list[list[Glance]]:
    found: list[list[Glance]] = []
    for glance in glances:
        if not found or found[-1][0].stretch != glance.stretch or len(found[-1]) == WINDOW:
            found.append([])
        found[-1].append(glance)
    return found


def still_edges(window: list[Glance]) -> Bool[np.ndarray, "h w"]:
    """Pixels below the chin of a sharp edge that stands still while its surroundings move."""
    seen = np.stack([glance.grey for glance in window])
    top, chin = np.median([g.face.points[[FOREHEAD, CHIN], :2] for g in window], axis=0)
    height = float(np.linalg.norm(chin - top))
    y, x = np.indices(seen.shape[1:]) + 0.5
    zone = (np.abs(x - chin[0]) < _BESIDE * height) & (y > chin[1])
    zone &= y < chin[1] + _BELOW * height
    usual: Float[np.ndarray, "h w"] = np.median(seen, axis=0)
    moves = np.percentile(np.abs(seen - usual), _MOSTLY, axis=0)
    down, right = np.gradient(usual)
    above = cv2.blur(moves, (_WIDE, _TALL), anchor=(_WIDE // 2, _TALL - 1))
    below = cv2.blur(moves, (_WIDE, _TALL), anchor=(_WIDE // 2, 0))
    between = np.minimum(above, below) > _MOVING
    return (np.hypot(down, right) > _EDGE) & (moves < _STILL) & between & zone
