"""What a driven head is written to: a video, or, before a transparent background, also a folder of
PNG images."""

from collections.abc import Callable
from pathlib import Path

from audioplane.media.frame_folder import FrameFolder, check_frame_folder
from audioplane.media.writer import (
    Sound,
    TransparentVideoWriter,
    VideoWriter,
    check_video_output,
)

SOUND_RATE = 48_000
"""Samples a second of a video's sound; speech features are computed at 16 kHz."""


def check_drive_output(out: Path, speech: Path, crf: int, transparent: bool) -> None:
    """Refuse, before any work, what `open_drive_output` could not write. Raises `MediaError`."""
    if _is_folder(out, transparent):
        check_frame_folder(out)
    else:
        check_video_output(out, speech, crf=crf, alpha=transparent)


def open_drive_output(
    out: Path,
    size: tuple[int, int],
    sound: Sound | None,
    crf: int,
    seal: Callable[[Path], None],
    transparent: bool,
) -> VideoWriter | FrameFolder:
    """The writer of frames of that width and height; `sound`, `crf` and `seal` as of `VideoWriter`.

    Raises `MediaError`.
    """
    if _is_folder(out, transparent):
        return FrameFolder(out)
    writer = TransparentVideoWriter if transparent else VideoWriter
    return writer(out, *size, audio=sound, audio_rate=SOUND_RATE, crf=crf, seal=seal)


def _is_folder(out: Path, transparent: bool) -> bool:
    return transparent and not out.suffix
