"""Alignment of a video with the ground truth.

Legend: a video is late by `shift` if its frame k + shift shows what frame k of the truth does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from audioplane.clock import FPS, SAMPLE_RATE
from audioplane.errors import ComparisonError
from audioplane.evaluate.scores.lips import correlation
from audioplane.experiments.compare.scan import Scan

MAX_SHIFT = 2 * FPS
"""Frames to either side among which the offset is sought."""
TRUST = 0.3
"""Least correlation of images or sounds over time for an offset."""
GAIN = 0.8
"""An offset must reduce 1 − correlation of the images to this part of its value without offset."""
SAME_ASPECT = 0.01
"""Fraction by which the aspect ratios of two images may differ."""
SAME_FACE = 0.68
"""`face_likeness` below which two faces are of two people: between people at most .62, between
thirds of one video at least .74 (five people, docs/decisions/experiments.md)."""
MIN_FRAMES = 25
"""Fewest frames that all videos must share."""
_SMOOTH = 6.0
"""Deviation of the blur that keeps only the lighting, pixels of a portrait."""
_FEATURES = (slice(8, 60), slice(8, 56))
"""Rows and columns of a portrait from brows to chin."""
_SOUND_SECONDS = 60


@dataclass(frozen=True)
class Alignment:
    """Scale and offsets of a video against the ground truth."""

    scale: float
    """Truth's width over the video's."""
    shift: int
    """Frames by which the video's images are late."""
    found_by: str
    """How the shift was found: by "images", by "sound", or "start" where neither shows one."""
    likeness: float
    """Correlation over time of the images at that shift."""
    sound_shift: float | None
    """Seconds by which the video's sound is late; None where it has none or another one."""


def align(video: Scan, truth: Scan) -> Alignment:
    """Find a video's scale and offsets against the ground truth.

    Raises `ComparisonError` if it shows another crop or another face.
    """
    scale = truth.info.width / video.info.width
    proportion = scale * video.info.height / truth.info.height
    if abs(proportion - 1) > SAME_ASPECT:
        raise ComparisonError(
            f"{video.path} is {video.info.width}×{video.info.height}, the ground truth "
            f"{truth.info.width}×{truth.info.height}: crop it to the same shape first"
        )
    alike = face_likeness(video.portrait, truth.portrait)
    if not alike >= SAME_FACE:
        raise ComparisonError(
            f"{video.path} shows another face than the ground truth {truth.path} "
            f"(likeness {alike:.2f}, {SAME_FACE} is needed): compare videos of one person"
        )
    sound = None
    if video.sound is not None and truth.sound is not None:
        sound = sound_shift(video.sound, truth.sound)
    shift, likeness = image_shift(video.thumbnails, truth.thumbnails)
    if likeness >= TRUST:
        return Alignment(scale, shift, "images", likeness, sound)
    if sound is not None:
        return Alignment(scale, round(sound * FPS), "sound", likeness, sound)
    return Alignment(scale, 0, "start", likeness, sound)


def face_likeness(a: Float32[np.ndarray, "64 64"], b: Float32[np.ndarray, "64 64"]) -> float:
    """Correlation of the fine structure of two portraits, without smooth parts such as lighting."""
    x, y = (p - cv2.GaussianBlur(p, (0, 0), _SMOOTH) for p in (a, b))
    return correlation(x[_FEATURES].ravel(), y[_FEATURES].ravel())


def image_shift(
    video: UInt8[np.ndarray, "m 32 32"], truth: UInt8[np.ndarray, "k 32 32"]
) -> tuple[int, float]:
    """Frames by which images are late, and their correlation over time there.

    The mean image is subtracted first, so that only motion counts, most of it of head and
    shoulders.
    """
    a, b = (x.reshape(len(x), -1).astype(np.float32) for x in (video, truth))
    scores = {}
    for shift in range(-MAX_SHIFT, MAX_SHIFT + 1):
        late, early = a[max(0, shift) :], b[max(0, -shift) :]
        n = min(len(late), len(early))
        if n >= min(MIN_FRAMES, len(a), len(b)):
            x, y = (v[:n] - v[:n].mean(0) for v in (late, early))
            norm = float(np.linalg.norm(x) * np.linalg.norm(y))
            scores[shift] = float((x * y).sum()) / norm if norm > 0 else 0.0
    best = max(scores, key=lambda s: (scores[s], -abs(s)))
    if 1 - scores[best] > GAIN * (1 - scores[0]):
        best = 0
    return best, scores[best]


def sound_shift(video: Float32[np.ndarray, " n"], truth: Float32[np.ndarray, " m"]) -> float | None:
    """Seconds, 2 at most, by which a sound is late; None if they do not match."""
    from scipy.signal import correlate

    a, b = (x[: _SOUND_SECONDS * SAMPLE_RATE].astype(np.float64) for x in (video, truth))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm == 0:
        return None
    scores: Float[np.ndarray, " l"] = correlate(a, b, method="fft") / norm
    lags = np.arange(1 - len(b), len(a))
    scores[np.abs(lags) > MAX_SHIFT / FPS * SAMPLE_RATE] = -1
    at = int(scores.argmax())
    return float(lags[at] / SAMPLE_RATE) if scores[at] >= TRUST else None


def common_span(truth: Scan, videos: Sequence[tuple[Scan, Alignment]]) -> tuple[int, int]:
    """First and last frame (exclusive) of the truth that every video shows.

    Raises `ComparisonError` if there are too few.
    """
    first, last, shortest = _span(truth, videos)
    if last - first < MIN_FRAMES:
        raise ComparisonError(
            f"{shortest.path} leaves {max(0, last - first)} frames to compare, {MIN_FRAMES} are "
            "needed: give a longer video"
        )
    return first, last


def _span(truth: Scan, videos: Sequence[tuple[Scan, Alignment]]) -> tuple[int, int, Scan]:
    """The frames that every video shows, however few, and the video that ends first."""
    first = max([0, *(-a.shift for _, a in videos)])
    ends = [(len(truth), truth)] + [(len(v) - a.shift, v) for v, a in videos]
    last, shortest = min(ends, key=lambda end: end[0])
    return first, last, shortest


def shortens_most(truth: Scan, videos: Sequence[tuple[Scan, Alignment]]) -> int:
    """The index of the video without which the others show the most frames in common; of several,
    the one that shows the fewest itself."""

    def count(some: Sequence[tuple[Scan, Alignment]]) -> int:
        first, last, _ = _span(truth, some)
        return last - first

    gains = [
        (count([*videos[:i], *videos[i + 1 :]]), -count([video])) for i, video in enumerate(videos)
    ]
    return gains.index(max(gains))
