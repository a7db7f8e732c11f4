"""The recorded frames that lend a driven head its pose, expression, torso and background."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from audioplane.errors import SubjectError
from audioplane.subject import FrameRef, Subject
from audioplane.subject.expression import BLINK

_GAP = 5
"""Most missing frames inside one run of footage."""
_SHORTEST = 50
"""Fewest frames to play forwards and backwards."""


@runtime_checkable
class Footage(Protocol):
    """The recording that `Animator` needs; subject folders and packs provide it."""

    @property
    def refs(self) -> Sequence[FrameRef]:
        """The available frames that the head was trained on, in order."""
        ...

    @property
    def loop(self) -> Sequence[FrameRef]:
        """The frames that a driven head plays forwards and backwards: one shot, without a jump."""
        ...

    @property
    def K(self) -> Float[np.ndarray, "3 3"]:
        """Camera intrinsics, pixels."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, pixels."""
        ...

    def expression(self, ref: FrameRef) -> Float[np.ndarray, " e"]:
        """The expression of a frame, as many numbers as the head takes (`Subject.expression_of`).
        Raises `SubjectError` where it is not known."""
        ...

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        """What lies behind the Gaussians of a frame: its recorded torso over the background, or the
        background alone where the torso is modelled."""
        ...

    def body(self, ref: FrameRef) -> Float[np.ndarray, "4 4"]:
        """The body's view matrix in a frame as tracked (`View.body`). Raises `SubjectError` where
        it was not."""
        ...


@dataclass(frozen=True)
class SubjectFootage:
    """Footage of a subject folder; images are decoded on demand."""

    subject: Subject
    refs: Sequence[FrameRef]
    torso: bool = True
    """Whether plates show the recorded torso."""
    numbers: int = BLINK
    """Of an expression."""

    @staticmethod
    def of(
        subject: Subject, trained: Sequence[int], torso: bool = True, numbers: int = BLINK
    ) -> "SubjectFootage":
        """The frames of a subject whose img_id is in `trained`.

        Raises `SubjectError` where there is none.
        """
        chosen = set(trained)
        refs = [ref for ref in subject.train if ref.img_id in chosen]
        if not refs:
            raise SubjectError(
                f"{subject.paths.root} is not the subject that this head was trained on"
            )
        return SubjectFootage(subject, refs, torso, numbers)

    @property
    def loop(self) -> Sequence[FrameRef]:
        return longest_shot(self.refs, self.subject.info.cuts)

    @property
    def K(self) -> Float[np.ndarray, "3 3"]:
        return self.subject.K

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.subject.background.shape[:2]
        return width, height

    def expression(self, ref: FrameRef) -> Float[np.ndarray, " e"]:
        return self.subject.expression_of(ref, self.numbers)

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        return self.subject.plate(ref) if self.torso else self.subject.background

    def body(self, ref: FrameRef) -> Float[np.ndarray, "4 4"]:
        return self.subject.body_view(ref)


def longest_shot(refs: Sequence[FrameRef], cuts: Sequence[int]) -> Sequence[FrameRef]:
    """The longest run of frames without cut or gap; all frames if even that is short."""
    breaks = [0]
    for i in range(1, len(refs)):
        before, after = refs[i - 1].img_id, refs[i].img_id
        if after - before > _GAP or any(before < cut <= after for cut in cuts):
            breaks.append(i)
    shots = [refs[a:b] for a, b in pairwise([*breaks, len(refs)])]
    longest = max(shots, key=len)
    return longest if len(longest) >= _SHORTEST else refs
