"""Footage whose head and body move by a table of poses instead of as recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from audioplane.clock import ping_pong
from audioplane.drive.pose_range import (
    BODY_MARGIN,
    HEAD_MARGIN,
    PoseRange,
    body_after_head,
)
from audioplane.errors import PoseError
from audioplane.run import Run
from audioplane.run.footage import FootageLike
from audioplane.subject import FrameRef, read_pose_table

_FIRST = 10_000_000
"""Number of a table's first row, beyond those of any recorded frame."""


@dataclass(frozen=True)
class PosedFootage(FootageLike):
    """Recorded frames lend expressions and background; poses come from elsewhere."""

    rows: Sequence[FrameRef]
    """The table's."""
    bodies: Float[np.ndarray, "t 4 4"]

    @property
    def loop(self) -> Sequence[FrameRef]:
        return self.rows

    def _row(self, ref: FrameRef) -> int | None:
        """The row of the table that this is; None for a recorded frame."""
        row = ref.img_id - _FIRST
        return row if row >= 0 else None

    def _lender(self, ref: FrameRef) -> FrameRef:
        """The recorded frame that lends a row what its pose does not say."""
        row, lenders = self._row(ref), self.recorded.loop
        return ref if row is None else lenders[ping_pong(row, len(lenders))]

    def expression(self, ref: FrameRef) -> Float[np.ndarray, " e"]:
        return self.recorded.expression(self._lender(ref))

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"] | None:
        return self.recorded.torso(self._lender(ref))

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        return self.recorded.plate(self._lender(ref))

    def body(self, ref: FrameRef) -> Float[np.ndarray, "4 4"]:
        row = self._row(ref)
        return self.recorded.body(ref) if row is None else self.bodies[row]


def pose_footage(run: Run, path: Path | str) -> tuple[PosedFootage, tuple[str, ...]]:
    """A run's footage with the poses of a table (`read_pose_table`), within what it supports.

    Poses of other people are moved onto this head's mean. What is turned or moved further than the
    recording and a margin is eased back; a sentence says of how many poses that is so. Where the
    table does not say where the body is, it moves as it did with such poses of the head.

    Raises:
        PoseError: The table cannot be read, or the head's torso is recorded.
        SubjectError: The run's footage is not there.
    """
    if run.torso == "recorded":
        raise PoseError(
            f"{run.path} cannot take poses={str(path)!r}: it shows its recorded torso, which goes "
            "with the recorded poses only; train it with a modelled torso, or leave out the poses"
        )
    table = read_pose_table(path, run.identity)
    views = np.stack([view.double().numpy() for view in run.views.values()])
    bodies = np.stack([run.bodies[i].double().numpy() for i in run.views])
    of_head, of_body = PoseRange.of(views), PoseRange.of(bodies)
    asked = (of_head.moved_here if table.relative else of_head.numbers)(table.heads)
    heads, far = of_head.eased(asked, HEAD_MARGIN)
    if table.bodies is None:
        follows = body_after_head(of_head.numbers(views), of_body.numbers(bodies), heads)
        placed, _ = of_body.eased(follows, BODY_MARGIN)
    else:
        asked = (of_body.moved_here if table.relative else of_body.numbers)(table.bodies)
        placed, far_body = of_body.eased(asked, BODY_MARGIN)
        far |= far_body
    loop = [FrameRef(_FIRST + i, i, view) for i, view in enumerate(of_head.views(heads))]
    notes = ()
    if far.any():
        turn, step = HEAD_MARGIN[0], HEAD_MARGIN[3]
        notes = (
            f"poses={str(path)!r}: {far.sum()} of {len(far)} poses are turned or moved further "
            f"than this head supports ({turn:.0f}° and {step:.0f} cm beyond its recording) and "
            "were eased back",
        )
    return PosedFootage(run.footage, loop, of_body.views(placed)), notes
