"""The videos of an evaluation: the recording, the render and both side by side.

What is rendered is marked and signed.
"""

from contextlib import ExitStack
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


class MarkedVideo:
    """Writes a marked and signed video; used as a context manager."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        sound: Float32[np.ndarray, " n"] | None,
        provenance: Provenance,
        crf: int,
    ):
        """Open the file.

        Args:
            path: The MP4 file to write; its folders are made.
            size: Width and height, pixels.
            sound: At 16 kHz; None for a silent video.
            provenance: What the video states of how it was made.
            crf: H.264 quality, 0 lossless to 51 worst.

        Raises:
            MediaError: The file cannot be written.
        """
        self._marker = provenance.marker(*size)
        self._writer = VideoWriter(path, *size, audio=sound, crf=crf, seal=provenance.seal)
        self._frames = 0

    def write(self, image: Image) -> None:
        """Append a frame."""
        if self._marker is not None:
            image = self._marker.mark(image, self._frames)
        self._writer.write(image)
        self._frames += 1

    def __enter__(self) -> "MarkedVideo":
        self._writer.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._writer.__exit__(*error)


class HeldOutVideos:
    """Writes the three videos into a folder; used as a context manager."""

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int],
        sound: Float32[np.ndarray, " n"] | None,
        provenance: Provenance,
    ):
        """Open the files.

        Args:
            folder: Is made.
            size: Width and height of the subject's frames, pixels.
            sound: At 16 kHz; None for silent videos.
            provenance: What the render states of how it was made.

        Raises:
            MediaError: A file cannot be written.
        """
        blank = np.zeros((size[1], size[0], 3), np.uint8)
        height, width = side_by_side(blank, blank).shape[:2]
        with ExitStack() as stack:
            self._recording = stack.enter_context(
                VideoWriter(folder / RECORDING_NAME, *size, audio=sound, crf=FINE_CRF)
            )
            self._render, self._both = (
                stack.enter_context(MarkedVideo(folder / name, frame, sound, provenance, crf))
                for name, frame, crf in (
                    (RENDER_NAME, size, FINE_CRF),
                    (BOTH_NAME, (width, height), CRF),
                )
            )
            self._stack = stack.pop_all()

    def write(self, truth: Image, rendered: Image) -> None:
        """Append a frame to each; side by side, the recording is on the left."""
        self._recording.write(truth)
        self._render.write(rendered)
        self._both.write(side_by_side(truth, rendered))

    def __enter__(self) -> "HeldOutVideos":
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)


def side_by_side(truth: Image, rendered: Image) -> UInt8[np.ndarray, "y x 3"]:
    """Both images, neither with a side longer than `SIDE`."""
    pair = np.concatenate([truth, rendered], axis=1)
    shrink = SIDE / max(truth.shape[:2])
    if shrink >= 1:
        return pair
    return np.asarray(cv2.resize(pair, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
