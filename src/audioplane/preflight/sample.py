"""A sample of a video: a few stretches, with their faces and images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from audioplane.clock import spread_over
from audioplane.face.finder import CropBox, FaceFinder, crop_image
from audioplane.face.head_axes import HeadTurn, head_turn
from audioplane.face.landmarker import FACE_OVAL, Face, Landmarker, to_68
from audioplane.face.mouth_cover import MouthCover
from audioplane.face.regions import mouth_aperture
from audioplane.face.shots import Look, thumbnail
from audioplane.media.video import VideoInfo, size_changes
from audioplane.preflight.first_look import FirstLook, look_first, read_upright
from audioplane.preflight.overlay import Glance, Overlay, find_overlay
from audioplane.progress import Progress, Report

RATE = 12
"""Sampled frames a second: enough for the motion of a mouth."""
STRETCHES, STRETCH = 8, 2.5
"""Number of stretches sampled from a long video, and seconds of each."""

_FACE_SIDE = 192
"""Side of the face's image that sharpness is measured on, pixels: about 1.3 face heights."""
_IMAGES, _IMAGE_SIDE = 8, 144
"""Number of images for the report, and their side, pixels."""


@dataclass(frozen=True)
class SampledFace:
    """The face in one sampled frame."""

    height: float
    """Chin to forehead, source pixels."""
    inside: bool
    """See `Face.inside`."""
    turn: HeadTurn
    aperture: float
    """Opening of the mouth (`mouth_aperture`)."""
    sharpness: float
    """Contrast of the finest detail over contrast of the face."""
    light: float
    """Mean brightness of the face, 0–255."""
    clipped: float
    """Share of the face that is black or white without detail."""


@dataclass(frozen=True)
class SampledFrame:
    """One sampled frame."""

    time: float
    """Seconds after the first image."""
    stretch: int
    face: SampledFace | None


@dataclass(frozen=True)
class Sample:
    """The sampled frames of a video."""

    frames: list[SampledFrame]
    looks: list[Look]
    """Thumbnails of frames with a face."""
    images: list[UInt8[np.ndarray, "p p 3"]]
    """Faces with their surroundings, spread over the video."""
    people: int
    """Most faces seen in one image."""
    first_look: FirstLook = FirstLook()
    covered: int = 0
    """Frames in which something covers the mouth."""
    overlay: Overlay | None = None

    def faces(self) -> list[SampledFace]:
        """The faces that were found."""
        return [f.face for f in self.frames if f.face is not None]


def take_sample(
    video: Path,
    info: VideoInfo,
    landmarker: Landmarker,
    waveform: Float[np.ndarray, " n"] | None,
    report: Report,
) -> Sample:
    """Sample a video.

    Args:
        video: the file.
        info: its stated properties.
        landmarker: for single images and several faces.
        waveform: its sound, 16 kHz; None without.
        report: receives progress.
    """
    spans = stretches(info.duration)
    settled = look_first(video, RATE, spans, landmarker, waveform)
    finder = FaceFinder(landmarker, settled.speaker)
    frames: list[SampledFrame] = []
    looks: list[Look] = []
    glances: list[Glance] = []
    mouth = MouthCover()
    images: list[UInt8[np.ndarray, "p p 3"]] = []
    total = sum(end - first for first, end in spans)
    every = max(1, total // _IMAGES)
    for number, stretch, image in _frames(video, spans, settled.quarter_turns):
        face = finder.find(image)
        seen = None
        if face is not None:
            seen = examine(face, image)
            mouth.add(face, image)
            glances.append(Glance.of(stretch, face, image))
            looks.append(Look.of(face, thumbnail(image), max(image.shape[:2])))
            if len(frames) % every == 0 and len(images) < _IMAGES:
                images.append(crop_image(image, _around(face, 2.0), _IMAGE_SIDE))
        frames.append(SampledFrame((number + 0.5) / RATE, stretch, seen))
        report(Progress("preflight", len(frames), total))
    covered, overlay = int(mouth.covered().sum()), find_overlay(glances)
    return Sample(frames, looks, images, finder.people, settled, covered, overlay)


def stretches(duration: float) -> list[tuple[int, int]]:
    """First and last (exclusive) frames, at `RATE`, of the sampled stretches.

    A short video is sampled whole, one of unknown length at its beginning.
    """
    length = round(STRETCH * RATE)
    if duration <= 0:
        return [(0, STRETCHES * length)]
    n = max(1, round(duration * RATE))
    if n <= STRETCHES * length:
        return [(0, n)]
    # Neither the very first nor the very last second: people settle and reach for the button.
    starts = spread_over(n - length + 1, STRETCHES + 2)[1:-1]
    return [(int(s), int(s) + length) for s in starts]


def _frames(
    video: Path, spans: list[tuple[int, int]], quarter_turns: int
) -> Iterator[tuple[int, int, UInt8[np.ndarray, "h w 3"]]]:
    shape = None
    for stretch, (first, end) in enumerate(spans):
        for i, image in enumerate(read_upright(video, RATE, quarter_turns, first, end)):
            if shape not in (None, image.shape):
                raise size_changes(video)
            shape = image.shape
            yield first + i, stretch, image


def examine(face: Face, image: UInt8[np.ndarray, "h w 3"]) -> SampledFace:
    """Measure one face."""
    height, width = image.shape[:2]
    points = face.points[:, :2]
    box = _around(face, 1.3)
    small = crop_image(image, box, _FACE_SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    oval = (points[list(FACE_OVAL)] - [box.left, box.top]) * (_FACE_SIDE / box.side)
    inner = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(inner, [np.round(oval).astype(np.int32)], (1,))
    skin = grey[inner > 0] if inner.any() else grey.ravel()
    fine = cv2.Laplacian(grey.astype(np.float32), cv2.CV_32F)[inner > 0]
    return SampledFace(
        height=face.height,
        inside=face.inside(width, height),
        turn=head_turn(face.points),
        aperture=float(mouth_aperture(to_68(face.points))),
        sharpness=float(fine.std() / max(float(skin.std()), 1.0)) if len(fine) else 0.0,
        light=float(skin.mean()),
        clipped=float(((skin < 6) | (skin > 249)).mean()),
    )


def _around(face: Face, heights: float) -> CropBox:
    return CropBox.around(face.centre, max(8, round(heights * face.height)))
