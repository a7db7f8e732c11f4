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
from audioplane.subject.torso import over

_GAP = 5
"""Most missing frames inside one run of footage."""
_SHORTEST = 50
"""Fewest frames to play to and fro."""


@runtime_checkable
class Footage(Protocol):
    """The recording that `Animator` needs; subject folders and packs provide it."""

    @property
    def refs(self) -> Sequence[FrameRef]:
        """The available frames that the head was trained on, in order."""
        ...

    @property
    def loop(self) -> Sequence[FrameRef]:
        """The longest of the shots, or all frames if even that is short: what is played to and fro
        where a recording is too short to go on elsewhere."""
        ...

    @property
    def shots(self) -> Sequence[Sequence[FrameRef]]:
        """The same frames as `refs`, in runs without cut or gap."""
        ...

    @property
    def background(self) -> UInt8[np.ndarray, "h w 3"]:
        """The image without the person."""
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

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"] | None:
        """The recorded torso of a frame, RGBA; None where it is modelled."""
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
class FootageLike:
    """Footage that is as another, but for what a subclass says."""

    recorded: Footage

    @property
    def refs(self) -> Sequence[FrameRef]:
        return self.recorded.refs

    @property
    def loop(self) -> Sequence[FrameRef]:
        return self.recorded.loop

    @property
    def shots(self) -> Sequence[Sequence[FrameRef]]:
        return self.recorded.shots

    @property
    def background(self) -> UInt8[np.ndarray, "h w 3"]:
        return self.recorded.background

    @property
    def K(self) -> Float[np.ndarray, "3 3"]:
        return self.recorded.K

    @property
    def size(self) -> tuple[int, int]:
        return self.recorded.size

    def expression(self, ref: FrameRef) -> Float[np.ndarray, " e"]:
        return self.recorded.expression(ref)

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"] | None:
        return self.recorded.torso(ref)

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        torso = self.torso(ref)
        return self.background if torso is None else over(torso, self.background)

    def body(self, ref: FrameRef) -> Float[np.ndarray, "4 4"]:
        return self.recorded.body(ref)


@dataclass(frozen=True)
class SubjectFootage:
    """Footage of a subject folder; images are decoded on demand."""

    subject: Subject
    refs: Sequence[FrameRef]
    recorded: bool = True
    """Whether the torso is the recorded one."""
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
        return longest_shot(self.shots)

    @property
    def shots(self) -> Sequence[Sequence[FrameRef]]:
        return shots_of(self.refs, self.subject.info.cuts)

    @property
    def K(self) -> Float[np.ndarray, "3 3"]:
        return self.subject.K

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.subject.background.shape[:2]
        return width, height

    def expression(self, ref: FrameRef) -> Float[np.ndarray, " e"]:
        return self.subject.expression_of(ref, self.numbers)

    @property
    def background(self) -> UInt8[np.ndarray, "h w 3"]:
        return self.subject.background

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"] | None:
        return self.subject.torso(ref) if self.recorded else None

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        return self.subject.plate(ref) if self.recorded else self.subject.background

    def body(self, ref: FrameRef) -> Float[np.ndarray, "4 4"]:
        return self.subject.body_view(ref)


def shots_of(refs: Sequence[FrameRef], cuts: Sequence[int]) -> Sequence[Sequence[FrameRef]]:
    """Frames in their runs without cut or gap."""
    breaks = [0]
    for i in range(1, len(refs)):
        before, after = refs[i - 1].img_id, refs[i].img_id
        if after - before > _GAP or any(before < cut <= after for cut in cuts):
            breaks.append(i)
    return [refs[a:b] for a, b in pairwise([*breaks, len(refs)])]


def longest_shot(shots: Sequence[Sequence[FrameRef]]) -> Sequence[FrameRef]:
    """The longest shot; all frames if even that is short."""
    longest = max(shots, key=len)
    return longest if len(longest) >= _SHORTEST else [ref for shot in shots for ref in shot]
