"""The videos of an evaluation: the recording, the render and both side by side.

What is rendered is marked and signed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from audioplane.credentials import Provenance
from audioplane.credentials.provenance import state
from audioplane.media.writer import VideoWriter

RECORDING_NAME, RENDER_NAME, BOTH_NAME = "recording.mp4", "render.mp4", "side_by_side.mp4"

SIDE = 512
"""Longest side of either image side by side, pixels."""
CRF, FINE_CRF = 26, 12
"""H.264 quality: of both side by side, 0.3 MB for 10 s, and of those that `compare` can score."""

NO_CONSENT = "not stated; the head was evaluated on its own recording"
"""The statement of consent where the head has none: nobody is asked."""

Image = UInt8[np.ndarray, "h w 3"]


def video_provenance(head_sha256: str, consent: str, speech_sha256: str) -> Provenance:
    """What the video states of how it was made.

    Args:
        head_sha256: Digest of the head file.
        consent: Who agreed, as the head or its run states it; may be empty.
        speech_sha256: Digest of the subject's sound; may be empty.

    Raises `CredentialsError` if the key of the mark can be neither read nor made.
    """
    return state(head_sha256, consent or NO_CONSENT, speech_sha256)


@contextmanager
def held_out_videos(
    folder: Path,
    size: tuple[int, int],
    sound: Float32[np.ndarray, " n"] | None,
    provenance: Provenance,
) -> Iterator[Callable[[Image, Image], None]]:
    """A function that appends a frame to the three videos, of the recording and of the render.

    Args:
        folder: Is made.
        size: Width and height of the subject's frames, pixels.
        sound: At 16 kHz; None for silent videos.
        provenance: What the two that show the render state of how it was made.

    Raises:
        MediaError: A file cannot be written.
    """
    blank = np.zeros((size[1], size[0], 3), np.uint8)
    height, width = side_by_side(blank, blank).shape[:2]
    seal = provenance.seal
    with (
        VideoWriter(folder / RECORDING_NAME, *size, audio=sound, crf=FINE_CRF) as recording,
        VideoWriter(folder / RENDER_NAME, *size, audio=sound, crf=FINE_CRF, seal=seal) as render,
        VideoWriter(folder / BOTH_NAME, width, height, audio=sound, crf=CRF, seal=seal) as both,
    ):
        markers, frames = (provenance.marker(*size), provenance.marker(width, height)), count()

        def write(truth: Image, rendered: Image) -> None:
            frame, images = next(frames), (rendered, side_by_side(truth, rendered))
            recording.write(truth)
            for video, marker, image in zip((render, both), markers, images, strict=True):
                video.write(image if marker is None else marker.mark(image, frame))

        yield write


def side_by_side(truth: Image, rendered: Image) -> UInt8[np.ndarray, "y x 3"]:
    """The recording on the left, the render on the right, no side longer than `SIDE`."""
    pair = np.concatenate([truth, rendered], axis=1)
    shrink = SIDE / max(truth.shape[:2])
    if shrink >= 1:
        return pair
    return np.asarray(cv2.resize(pair, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
