"""The video of an evaluation: recording and render side by side, marked and signed."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from audioplane.credentials import Provenance
from audioplane.credentials.provenance import state
from audioplane.errors import MediaError
from audioplane.media.writer import VideoWriter

SIDE = 512
"""Longest side of either image, pixels."""
CRF = 26
"""H.264 quality: 0.3 MB for 10 s."""

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


class SideBySide:
    """Writes the video; used as a context manager."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        sound: Float32[np.ndarray, " n"] | None,
        provenance: Provenance,
    ):
        """Open the video.

        Args:
            path: The MP4 file to write.
            size: Width and height of the subject's frames, pixels.
            sound: At 16 kHz; None for a silent video.
            provenance: What the video states of how it was made.

        Raises:
            MediaError: The file cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise MediaError(f"{path.parent} cannot be made: {e.strerror}") from e
        blank = np.zeros((size[1], size[0], 3), np.uint8)
        height, width = side_by_side(blank, blank).shape[:2]
        self._marker = provenance.marker(width, height)
        self._writer = VideoWriter(path, width, height, audio=sound, crf=CRF, seal=provenance.seal)
        self._frames = 0

    def write(self, truth: Image, rendered: Image) -> None:
        """Append a frame: the recording on the left, the render on the right."""
        pair = side_by_side(truth, rendered)
        if self._marker is not None:
            pair = self._marker.mark(pair, self._frames)
        self._writer.write(pair)
        self._frames += 1

    def __enter__(self) -> "SideBySide":
        self._writer.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._writer.__exit__(*error)


def side_by_side(truth: Image, rendered: Image) -> UInt8[np.ndarray, "y x 3"]:
    """Both images, neither with a side longer than `SIDE`."""
    pair = np.concatenate([truth, rendered], axis=1)
    shrink = SIDE / max(truth.shape[:2])
    if shrink >= 1:
        return pair
    return np.asarray(cv2.resize(pair, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
