"""One video beside the ground truth, frame by frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from audioplane.clock import FPS, FRAME_SAMPLES, spread_over
from audioplane.errors import ComparisonError
from audioplane.evaluate.heldout import score_regions
from audioplane.evaluate.report import FrameScores
from audioplane.evaluate.scores.action_units import (
    ExpressionErrors,
    action_unit_errors,
    blendshape_errors,
)
from audioplane.evaluate.scores.lips import LipScores, landmark_distance, lip_scores
from audioplane.evaluate.scores.metrics import Image
from audioplane.evaluate.syncnet import Shots, SyncNet, SyncScores, sync_scores
from audioplane.evaluate.tools import Perceptual
from audioplane.experiments.compare.align import Alignment
from audioplane.experiments.compare.scan import Scan
from audioplane.face.regions import mouth_aperture
from audioplane.media.video import read_frames

EXAMPLES = 4
"""Frames that are shown, evenly spread."""
READER = "MediaPipe FaceLandmarker"


@dataclass(frozen=True)
class Example:
    """One frame of both, in the truth's size."""

    frame: int
    """Of the truth."""
    truth: Image
    image: Image
    mouth: tuple[slice, slice]
    """Rows and columns of a square about the true mouth."""


@dataclass(frozen=True)
class Pair:
    """A video and the ground truth, aligned, and the frames that are scored."""

    truth: Scan
    shown: Scan
    alignment: Alignment
    first: int
    """Of the truth."""
    last: int
    """Exclusive."""

    def __len__(self) -> int:
        return self.last - self.first

    @property
    def _true(self) -> slice:
        return slice(self.first, self.last)

    @property
    def _own(self) -> slice:
        shift = self.alignment.shift
        return slice(self.first + shift, self.last + shift)

    def score_images(
        self, lpips: Perceptual | None, step: Callable[[], None]
    ) -> tuple[tuple[FrameScores, ...], tuple[Example, ...]]:
        """Scores of every pair of images, and some pairs for the page."""
        moments = self.first + spread_over(len(self), EXAMPLES + 2)
        size = (self.truth.info.width, self.truth.info.height)
        videos = (frames(x.path, span) for x, span in zip(*self._sides, strict=True))
        scores, examples = [], []
        for frame, (image, true) in enumerate(zip(*videos, strict=False), start=self.first):
            image = fit(image, size)
            landmarks = self.truth.landmarks[frame]
            regions = score_regions(image, true, landmarks, lpips)
            scores.append(FrameScores(frame, regions, *self._mouths(frame)))
            if frame in moments[1:-1]:
                examples.append(Example(frame, true, image, _mouth_square(landmarks, size)))
            step()
        return tuple(scores), tuple(examples)

    @property
    def _sides(self) -> tuple[tuple[Scan, Scan], tuple[slice, slice]]:
        return (self.shown, self.truth), (self._own, self._true)

    def _mouths(self, frame: int) -> tuple[float | None, float | None, float | None]:
        """Landmark distance and both apertures of a frame of the truth; None where unseen."""
        sides = zip((self.shown, self.truth), (frame + self.alignment.shift, frame), strict=True)
        points = [x.landmarks[row] if x.found[row] else None for x, row in sides]
        apertures = [None if p is None else float(mouth_aperture(p)) for p in points]
        distance, (own, true) = None, points
        if own is not None and true is not None:
            scaled = own[None, 48:68] * self.alignment.scale
            distance = float(landmark_distance(scaled, true[None, 48:68])[0])
        return distance, apertures[0], apertures[1]

    def lips(self) -> LipScores:
        """LMD, in pixels of the truth, and MAC."""
        own = self.shown.mouth(self._own, self.alignment.scale)
        return lip_scores(own, self.truth.mouth(self._true), READER)

    def expression(self, tables: tuple[np.ndarray, np.ndarray] | None = None) -> ExpressionErrors:
        """BSE; AUE too, where OpenFace's tables of video and truth are given. Frames in which no
        face was found in one of them do not count."""
        both = self.truth.found[self._true] & self.shown.found[self._own]
        own, true = (
            x.blendshapes[span][both].astype(np.float64)
            for x, span in zip(*self._sides, strict=True)
        )
        errors = blendshape_errors(own, true)
        if tables is None:
            return errors
        own_units, true_units = tables[0][self._own], tables[1][self._true]
        n = min(len(own_units), len(true_units))
        if n < len(self) - 1:  # OpenFace may leave the last frame out
            raise ComparisonError(
                f"an OpenFace table ends {len(self) - n} frames before the compared frames "
                "do: give the tables of these videos"
            )
        own_units, true_units = own_units[:n], true_units[:n]
        seen = np.isfinite(own_units + true_units).all(1)
        if not seen.any():
            return errors
        upper, lower = action_unit_errors(own_units[seen], true_units[seen])
        return ExpressionErrors(errors.bse_upper, errors.bse_lower, upper, lower)

    @property
    def sound(self) -> Float32[np.ndarray, " n"] | None:
        """The video's own sound; the truth's, shifted as the images are, where it has none."""
        if self.shown.sound is not None or self.truth.sound is None:
            return self.shown.sound
        samples = self.alignment.shift * FRAME_SAMPLES
        return np.pad(self.truth.sound, (max(0, samples), 0))[max(0, -samples) :]

    def sync(self, network: SyncNet, step: Callable[[int], None]) -> SyncScores:
        """SyncNet on the video's own images."""
        span = self._own
        if self.sound is None:
            return SyncScores(empty="neither this video nor the ground truth has sound")
        cuts = tuple(c - span.start for c in self.shown.shots.cuts if span.start < c < span.stop)
        shots = Shots(self.shown.shots.faces[span], cuts)
        sound = self.sound[span.start * FRAME_SAMPLES : span.stop * FRAME_SAMPLES]
        return sync_scores(lambda: frames(self.shown.path, span), sound, shots, network, step)


def frames(path: Path, span: slice) -> Iterator[Image]:
    """Some frames of a video at 25 a second."""
    return islice(read_frames(path, FPS), span.start, span.stop)


def fit(image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "y x 3"]:
    """An image at a width and height."""
    if image.shape[1::-1] == size:
        return image
    how = cv2.INTER_AREA if image.shape[1] > size[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _mouth_square(
    landmarks: Float[np.ndarray, "68 2"], size: tuple[int, int]
) -> tuple[slice, slice]:
    """Twice as wide as the lips, inside the image."""
    mouth = landmarks[48:68]
    half = min(round(float(np.ptp(mouth[:, 0]))), *(s // 2 for s in size))
    x, y = (int(np.clip(c, half, s - half)) for c, s in zip(mouth.mean(0), size, strict=True))
    return slice(y - half, y + half), slice(x - half, x + half)
