"""Opening a media file with PyAV and reading from it what can be read, however damaged it is."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition

from audioplane.errors import MediaError

READ_ERRORS = (av.FFmpegError, OSError, ValueError)
"""What PyAV raises for a file that is not what its name says."""


def open_input(path: Path) -> InputContainer:
    """Open a file for reading. Raises `MediaError`."""
    path = Path(path)
    if not path.is_file():
        raise MediaError(f"{path} is not a file: check the name")
    try:
        return av.open(str(path))
    except READ_ERRORS as e:
        raise MediaError(
            f"{path} is no readable media file ({reason(e)}): it may be incomplete, copy it again"
        ) from e


def reason(error: BaseException) -> str:
    """The part of an FFmpeg error that says what happened, without file name and code."""
    return str(getattr(error, "strerror", None) or error).split(":")[0]


def video_stream(container: InputContainer) -> Any | None:
    """The first moving picture; a cover image of a sound file is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def decode(container: InputContainer, stream: Any) -> Iterator[Any]:
    """Frames of one stream; damaged packets are passed over, a cut file ends where it is cut."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except READ_ERRORS:
            yield from _flush(stream)
            return
        try:
            frames = packet.decode()
        except READ_ERRORS:
            continue
        yield from frames


def first_picture_time(path: Path) -> Fraction | None:
    """When the first picture is shown on the container's clock, seconds; None without pictures.

    Decoded, because containers without an index of their own guess where a stream starts.
    """
    with open_input(path) as container:
        stream = video_stream(container)
        frame = None if stream is None else next(decode(container, stream), None)
        if frame is None or frame.pts is None:
            return None
        return Fraction(frame.pts) * frame.time_base


def start_time(stream: Any) -> Fraction | None:
    """When a stream starts on its container's clock, seconds; None if it does not say."""
    if stream.start_time is None or stream.time_base is None:
        return None
    return Fraction(stream.start_time) * stream.time_base


def _flush(stream: Any) -> list[Any]:
    """What the decoder still holds when the file breaks off."""
    try:
        return stream.decode(None)
    except READ_ERRORS:
        return []
