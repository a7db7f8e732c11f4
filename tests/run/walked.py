"""The recording of somebody who sways without end: nothing but poses and lids."""

from dataclasses import dataclass, field

import numpy as np

from audioplane.errors import SubjectError
from audioplane.subject import FrameRef

PERIOD = 97.0
"""Frames of one sway."""


@dataclass(frozen=True)
class Swaying:
    """Footage of shots of so many frames, without images."""

    lengths: tuple[int, ...]
    moves: float = 0.03
    """Metres to either side."""
    period: float = PERIOD
    blinks: dict[int, float] = field(default_factory=dict)
    """Frames in which the lids are closed so far."""
    size = (512, 512)
    K = np.array([[1200.0, 0, 256], [0, 1200, 256], [0, 0, 1]])

    @property
    def refs(self):
        return [FrameRef(i, i, view) for i, view in enumerate(self.views())]

    def views(self) -> np.ndarray:
        at = 2 * np.pi * np.arange(sum(self.lengths)) / self.period
        views = np.tile(np.eye(4), (len(at), 1, 1))
        views[:, 0, 3], views[:, 1, 3], views[:, 2, 3] = (
            self.moves * np.sin(at),
            self.moves / 3 * np.sin(2 * at),
            0.8,
        )
        return views

    @property
    def shots(self):
        refs, ends = self.refs, np.cumsum([0, *self.lengths])
        return [refs[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]

    @property
    def loop(self):
        return max(self.shots, key=len)

    def expression(self, ref):
        return np.full(2, self.blinks.get(ref.img_id, 0.05))

    def torso(self, ref):
        return None

    @property
    def background(self):
        return np.zeros((512, 512, 3), np.uint8)

    def plate(self, ref):
        return self.background

    def body(self, ref):
        raise SubjectError("not tracked")
