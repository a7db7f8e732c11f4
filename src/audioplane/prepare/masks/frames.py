"""Frames with their person masks, and masks by vote of neighbouring frames.

Five frames vote on a mask: its head part aligned by the head's pose, its body part not aligned.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from audioplane.prepare.masks.geometry import head_side
from audioplane.prepare.masks.head_frame import HeadFrame
from audioplane.prepare.masks.person import PersonMask

WINDOW = 2
"""Frames before and after that vote on a mask."""


@dataclass(frozen=True)
class MaskedFrame:
    """A frame, its head's place, and its person mask."""

    img_id: int
    shot: int
    """Number of the shot that it belongs to."""
    image: UInt8[np.ndarray, "h w 3"]
    points: Float[np.ndarray, "478 2"]
    """Face mesh, pixels."""
    landmarks: Float[np.ndarray, "68 2"]
    head: HeadFrame
    mask: PersonMask


def with_neighbours(
    frames: Iterable[MaskedFrame],
) -> Iterator[tuple[MaskedFrame, list[MaskedFrame]]]:
    """Every frame with the frames that vote on it; at most 2 · `WINDOW` + 1 are held.

    These are within `WINDOW` of it by number and of the same shot; it is one of them.
    """
    held: deque[MaskedFrame] = deque()
    waiting: deque[MaskedFrame] = deque()
    for frame in frames:
        held.append(frame)
        waiting.append(frame)
        while waiting and waiting[0].img_id + WINDOW <= frame.img_id:
            yield _among(waiting.popleft(), held)
        while held and held[0].img_id + 2 * WINDOW <= frame.img_id:
            held.popleft()
    while waiting:
        yield _among(waiting.popleft(), held)


def _among(
    frame: MaskedFrame, held: Iterable[MaskedFrame]
) -> tuple[MaskedFrame, list[MaskedFrame]]:
    near = [f for f in held if abs(f.img_id - frame.img_id) <= WINDOW and f.shot == frame.shot]
    return frame, near


def vote(frame: MaskedFrame, near: list[MaskedFrame]) -> MaskedFrame:
    """The frame with the person (0 or 1) and the hair that its neighbours vote for, the head
    aligned by its pose, the body not aligned."""
    size = len(frame.image)
    body = np.mean([f.mask.person for f in near], axis=0)
    head = _with_the_skull(frame, [(f, f.mask.person) for f in near])
    person = np.where(head_side(frame.landmarks, size), head, body) > 0.5
    hairs = [(f, f.mask.hair.astype(np.float32)) for f in near if f.mask.hair is not None]
    hair = _with_the_skull(frame, hairs) > 0.5 if hairs else None
    return replace(frame, mask=replace(frame.mask, person=person.astype(np.float32), hair=hair))


def _with_the_skull(
    frame: MaskedFrame, masks: list[tuple[MaskedFrame, Float32[np.ndarray, "h w"]]]
) -> Float32[np.ndarray, "h w"]:
    """Mean of masks of several frames, each moved as the head has moved."""
    size = (len(frame.image), len(frame.image))
    moved = [
        mask
        if f is frame
        else cv2.warpAffine(mask, f.head.onto(frame.head), size, borderMode=cv2.BORDER_REPLICATE)
        for f, mask in masks
    ]
    return np.mean(moved, axis=0)
