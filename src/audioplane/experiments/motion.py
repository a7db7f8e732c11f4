"""The motion of a driven head: its mouth's aperture and its Gaussians' moves."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from audioplane.clock import spread_over
from audioplane.drive import Animator, DrivenFrame
from audioplane.evaluate.mouth.view import MouthView, mouth_track
from audioplane.evaluate.scores.visemes import LipShapes, mouth_width
from audioplane.head import Head, Motion
from audioplane.head.deformation import read_delta
from audioplane.media.writer import VideoWriter
from audioplane.subject import FrameRef

_SAMPLED = 400
"""Sampled frames that give the largest move of training speech."""


@dataclass(frozen=True)
class DrivenMotion:
    """Motion over T frames of a driven head."""

    aperture: Float[np.ndarray, " t"]
    """`face.regions.mouth_aperture`, as read off the image."""
    found: Bool[np.ndarray, " t"]
    """Frames in which a mouth was seen."""
    width: Float[np.ndarray, " t"]
    """Distance of the corners of the mouth, pixels."""
    moved: Float[np.ndarray, " t"]
    """The largest |d · Δmean| of any Gaussian that the audio drives, metres (Eq. 7)."""
    furthest: UInt8[np.ndarray, "h w 3"]
    """The frame in which that was largest."""

    @property
    def lips(self) -> LipShapes:
        """The lips alone."""
        return LipShapes(self.aperture, self.width, self.found)


def measure_motion(
    animator: Animator,
    codes: Float[Tensor, "t k"],
    frames: Iterable[tuple[FrameRef, DrivenFrame]],
    view: MouthView,
    writer: VideoWriter | None = None,
) -> DrivenMotion:
    """Measure a head that speaks.

    Args:
        animator: The head.
        codes: Of the speech, a row a frame.
        frames: The frames that `Animator.speak` yields for it.
        view: Reads the mouth; starts anew.
        writer: Where the frames are written, if anywhere.
    """
    gauge = MoveGauge(animator.head)
    view.restart()
    seen, moved, most, furthest = [], [], 0.0, None
    for code, (ref, frame) in zip(codes, frames, strict=True):
        seen.append(view.see(frame.image, ref))
        moved.append(gauge.furthest(code))
        if furthest is None or moved[-1] >= most:
            most, furthest = moved[-1], frame.image
        if writer is not None:
            writer.write(frame.image)
    track = mouth_track(seen)
    if furthest is None:
        raise ValueError("there is no frame to measure")
    width = mouth_width(track.landmarks)
    return DrivenMotion(track.aperture, track.found, width, np.array(moved), furthest)


def training_move(animator: Animator, codes: Float[Tensor, "t k"]) -> float:
    """The largest move of any Gaussian in training speech, metres, over `_SAMPLED` frames.

    Args:
        animator: The head.
        codes: Of the training frames.
    """
    gauge = MoveGauge(animator.head)
    return max(gauge.furthest(codes[int(i)]) for i in spread_over(len(codes), _SAMPLED))


class MoveGauge:
    """Measures how far a head's Gaussians go; what does not change between frames is kept."""

    @torch.no_grad()
    def __init__(self, head: Head):
        self._head = head
        by_audio, by_expression = head.moving()
        self._n = len(by_audio)
        self._S = head.space_features(torch.cat([by_audio, by_expression]))
        self._expression = head.expression(head.expression.rest)

    @torch.no_grad()
    def furthest(self, code: Float[Tensor, " k"]) -> float:
        """The largest |d · Δmean| among the Gaussians that the audio drives, metres."""
        if not self._n:
            return 0.0
        rows, d = self._head.deltas(Motion(code, self._expression), self._S, self._n)
        moves = d[: self._n, None] * read_delta(rows[: self._n]).means
        return float(moves.norm(dim=1).max())
