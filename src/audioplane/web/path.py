"""The path on which an exported head moves: a stretch of its motion graph that ends as it begins.

A browser then needs no graph: it has the moments that the path shows, jumps among them, and plays
them in a circle, forwards only.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt16

from audioplane.clock import FPS
from audioplane.drive.moment import Moment
from audioplane.drive.motion import GraphMotion
from audioplane.run.motion_graph import MotionGraph

_SEARCHED = 600 * FPS
"""Frames of motion among which a path is looked for."""
_SHORTEST = 10 * FPS
"""Frames of a path, fewer of which would be seen to repeat."""


@dataclass(frozen=True)
class Path:
    """Moments, and which of them is shown in each frame; after the last comes the first."""

    moments: Sequence[Moment]
    rows: UInt16[np.ndarray, " t"]


def find_path(graph: MotionGraph, most: int, seed: int = 0) -> Path | None:
    """The path that shows most, of at most `most` different moments; None where there is none.

    It follows the motion of a driven head with this seed from one jump to where that jump is taken
    again.
    """
    motion = GraphMotion(graph, seed)
    moments = [motion.step(True) for _ in range(_SEARCHED)]
    keys = [(m.ref.img_id, m.other.img_id if m.other else -1, m.weight) for m in moments]
    begins = [t for t in range(1, len(moments)) if keys[t][1] >= 0 > keys[t - 1][1]]
    again = defaultdict[tuple[int, int, float], list[int]](list)
    for t in begins:
        again[keys[t]].append(t)
    best, shown = None, 0
    for first in begins:
        seen, at = set[tuple[int, int, float]](), first
        for last in (t for t in again[keys[first]] if t - first >= _SHORTEST):
            seen.update(keys[at:last])
            at = last
            if len(seen) > most:
                break
            if len(seen) > shown:
                best, shown = (first, last), len(seen)
    if best is None:
        return None
    number: dict[tuple[int, int, float], int] = {}
    rows = [number.setdefault(key, len(number)) for key in keys[slice(*best)]]
    by_key = dict(zip(keys[slice(*best)], moments[slice(*best)], strict=True))
    return Path([by_key[key] for key in number], np.array(rows, np.uint16))
