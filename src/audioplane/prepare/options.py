"""The options of a preparation and their bounds."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audioplane.errors import PrepareError
from audioplane.prepare.masks.segmenter import PartSegmenter

SMALLEST, LARGEST = 64, 2048
"""Bounds of the frames' side, pixels."""
_LATEST = 10.0
"""Seconds by which sound may be late or early."""


@dataclass(frozen=True)
class PrepareOptions:
    """Options of a preparation."""

    size: int = 512
    """Height and width of the frames, pixels: even, 64 to 2048."""
    speech: tuple[str, ...] = ()
    """Kinds of speech features to compute; empty for the default kind."""
    speech_model: Path | None = None
    """File or folder of the network that such a kind needs; None to look it up."""
    face_landmarker: Path | None = None
    """MediaPipe's `face_landmarker.task`; None to look it up or download it."""
    segmenter: Path | PartSegmenter | None = None
    """MediaPipe's `selfie_multiclass_256x256.tflite`; None to look it up, and to use MediaPipe's
    `selfie_segmentation.tflite` where it is not there."""
    consent: str = ""
    """Who consented to the making of this head; goes into `subject.json`."""
    focal: float | None = None
    """Focal length, pixels of the subject's frames; None to search for it."""
    sound_late: float | None = None
    """Seconds by which the sound comes after the image (below zero: before it); None to believe
    what preflight finds where that is more than `NOTICEABLE`."""
    audio_track: int | None = None
    """Number of the video's sound track, from 1; None for the one with speech."""
    force: bool = False
    """Start again in a folder that holds another preparation, and continue with a video that
    preflight calls hopeless."""

    def resolved(self) -> "PrepareOptions":
        """The same with the default kind filled in.

        Raises:
            PrepareError: a number is out of its bounds.
            SpeechError: a kind of speech features cannot be computed here; better now than after
                an hour of frames.
        """
        from audioplane.speech import DEFAULT_KIND, require_kind

        if not SMALLEST <= self.size <= LARGEST or self.size % 2:
            raise PrepareError(
                f"frames of {self.size} px: give an even size from {SMALLEST} to {LARGEST}"
            )
        if self.focal is not None and not 0 < self.focal < math.inf:
            raise PrepareError(f"a focal length of {self.focal} px: give one above 0")
        if self.sound_late is not None and not abs(self.sound_late) <= _LATEST:
            raise PrepareError(f"sound late by {self.sound_late:g} s: give up to {_LATEST:g} s")
        kinds = self.speech or (DEFAULT_KIND,)
        for kind in kinds:
            require_kind(kind, self.speech_model)
        return replace(self, speech=kinds)

    def shaping(self) -> dict[str, Any]:
        """Those that shape the files, as JSON values: others need another folder."""
        shaping: dict[str, Any] = {"size": self.size, "speech": list(self.speech)}
        if self.focal is not None:
            shaping["focal"] = self.focal
        if self.sound_late is not None:
            shaping["sound_late"] = self.sound_late
        if self.audio_track is not None:
            shaping["audio_track"] = self.audio_track
        return shaping
