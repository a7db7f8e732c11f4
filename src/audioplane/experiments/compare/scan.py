"""A scan of a video for faces, cuts, thumbnails and sound. No full image is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from audioplane.clock import FPS
from audioplane.errors import ComparisonError
from audioplane.evaluate.scores.lips import MouthTrack
from audioplane.evaluate.syncnet import ShotFinder, Shots
from audioplane.face.finder import FaceFinder
from audioplane.face.landmarker import BLENDSHAPES, Face, Landmarker, to_68
from audioplane.face.regions import mouth_aperture
from audioplane.face.similarity import fit_similarity
from audioplane.media.audio import read_audio
from audioplane.media.video import VideoInfo, probe_video, read_frames

THUMBNAIL = 32
"""Side of a thumbnail, pixels."""
THUMBNAIL_FRAMES = 60 * FPS
"""Thumbnails are kept of the first minute: enough to find an offset."""
PORTRAIT = 64
"""Side of the mean face, pixels."""
_ANCHORS = (33, 263, 1, 61, 291)
"""Outer corners of the eyes, tip of the nose, corners of the mouth."""
_ANCHORS_AT = np.array([[18, 22], [46, 22], [32, 38], [23, 48], [41, 48]], np.float32)
"""Where these lie in a portrait."""


@dataclass(frozen=True)
class Scan:
    """What a video of t frames at 25 a second shows: about a kilobyte a frame."""

    path: Path
    info: VideoInfo
    landmarks: Float[np.ndarray, "t 68 2"]
    """Pixels of the video; interpolated where no face was found."""
    blendshapes: Float32[np.ndarray, "t 52"]
    """Zero where there are none."""
    found: Bool[np.ndarray, " t"]
    """Frames with a face."""
    shots: Shots
    thumbnails: UInt8[np.ndarray, "m 32 32"]
    """Of the first minute, grey."""
    portrait: Float32[np.ndarray, "64 64"]
    """Mean face, upright and of one size, grey."""
    sound: Float32[np.ndarray, " n"] | None
    """At 16 kHz, from the first image on."""

    def __len__(self) -> int:
        return len(self.found)

    def mouth(self, span: slice, scale: float = 1.0) -> MouthTrack:
        """The mouth in some frames; landmarks times `scale`."""
        landmarks = self.landmarks[span]
        mouths = landmarks[:, 48:68] * scale
        return MouthTrack(mouth_aperture(landmarks), mouths, self.found[span])


def scan_video(path: Path, landmarker: Landmarker, step: Callable[[], None]) -> Scan:
    """Scan a video once.

    Args:
        path: any file that FFmpeg reads.
        landmarker: for single images and several faces.
        step: called after every frame.

    Raises:
        MediaError: it cannot be read or has no images.
        ComparisonError: it shows no face.
    """
    info = probe_video(path)
    finder, shots = FaceFinder(landmarker), ShotFinder()
    points: list[np.ndarray | None] = []
    shapes: list[np.ndarray] = []
    thumbnails: list[np.ndarray] = []
    portrait = np.zeros((PORTRAIT, PORTRAIT), np.float64)
    for image in read_frames(path, FPS):
        face = finder.find(image)
        shots.add(image, None if face is None else face.points)
        points.append(None if face is None else to_68(face.points))
        strengths = None if face is None else face.blendshapes
        shapes.append(np.zeros(len(BLENDSHAPES), np.float32) if strengths is None else strengths)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if len(thumbnails) < THUMBNAIL_FRAMES:
            size = (THUMBNAIL, THUMBNAIL)
            thumbnails.append(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
        if face is not None:
            portrait += upright(grey, face)
        step()
    found = np.array([p is not None for p in points])
    if not found.any():
        raise ComparisonError(f"{path} shows no face: a talking head is needed")
    return Scan(
        path,
        info,
        _filled(points, found),
        np.stack(shapes),
        found,
        shots.shots(),
        np.stack(thumbnails),
        (portrait / found.sum()).astype(np.float32),
        read_audio(path) if info.has_audio else None,
    )


def upright(grey: UInt8[np.ndarray, "h w"], face: Face) -> UInt8[np.ndarray, "64 64"]:
    """A face turned upright and scaled to `PORTRAIT`."""
    anchors = face.points[list(_ANCHORS), :2].astype(np.float64)
    matrix = fit_similarity(anchors, _ANCHORS_AT.astype(np.float64)).matrix()
    return cv2.warpAffine(grey, matrix, (PORTRAIT, PORTRAIT), borderMode=cv2.BORDER_REPLICATE)


def _filled(
    points: list[np.ndarray | None], found: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, "t 68 2"]:
    known = np.stack([p for p in points if p is not None]).astype(np.float64)
    rows, at = np.arange(len(found)), np.flatnonzero(found)
    flat = known.reshape(len(known), -1)
    full = np.stack([np.interp(rows, at, column) for column in flat.T], 1)
    return full.reshape(-1, 68, 2)
