"""Media files opened with PyAV and read as far as they are readable, however damaged."""

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition

from audioplane.errors import MediaError

READ_ERRORS = (av.FFmpegError, OSError, ValueError)
"""What PyAV raises for a file that it cannot read."""
RESTART = 0.2
"""Seconds by which a time stamp precedes the expected one where time stamps have started again."""
_MOST_HEADERS = 100
"""Headers of a WAV file without samples after them; more is damage."""
_WITHOUT_INDEX = ("mpegts", "mpeg", "flv")


def require_file(path: Path) -> None:
    """Raises `MediaError` where no file is there."""
    if not Path(path).is_file():
        raise MediaError(f"{path} is not a file: check the name")


def open_input(path: Path) -> InputContainer:
    """Open a file for reading. Raises `MediaError`."""
    path = Path(path)
    require_file(path)
    try:
        parts = _wav_parts(path)
        if len(parts) > 1:
            return av.open(_JoinedWav(path, parts), "r", format="wav")
        # FFmpeg takes the part before a colon in a relative name for a protocol.
        return av.open(str(path.absolute()), "r")
    except READ_ERRORS as e:
        raise MediaError(
            f"{path} is no readable media file ({reason(e)}): it may be incomplete, copy it again"
        ) from e


def reason(error: BaseException) -> str:
    """The part of an FFmpeg error that says what happened, without file name and code."""
    return str(getattr(error, "strerror", None) or error).split(":")[0]


def video_stream(container: InputContainer) -> Any | None:
    """The first video stream; the cover image of a sound file is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def decode(container: InputContainer, stream: Any) -> Iterator[Any]:
    """Frames of one stream, without those of damaged packets, as far as the file goes."""
    return (frame for _, frame in decode_all(container, [stream]))


def decode_all(container: InputContainer, streams: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Frames of several streams in file order, each with its stream's index in the list.

    Damaged packets are skipped, a truncated file ends where it breaks off.
    """
    packets = container.demux(*streams)
    places = {stream.index: i for i, stream in enumerate(streams)}
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except READ_ERRORS:
            for i, stream in enumerate(streams):
                yield from ((i, frame) for frame in _flush(stream))
            return
        try:
            frames = packet.decode()
        except READ_ERRORS:
            continue
        yield from ((places[packet.stream.index], frame) for frame in frames)


def first_image_time(path: Path) -> Fraction | None:
    """When the first image is shown on the container's clock, seconds; None without images.

    Decoded, because containers without an index of their own guess where a stream starts.
    """
    with open_input(path) as container:
        stream = video_stream(container)
        if stream is None or stream.codec_context is None:
            return None
        frame = next(decode(container, stream), None)
        if frame is None or frame.pts is None:
            return None
        return Fraction(frame.pts) * frame.time_base


def clock_restarts(path: Path) -> tuple[float, ...]:
    """Where a video's time stamps start again, and the seconds to subtract from there on.

    Concatenated recordings have such restarts in containers without an index.
    """
    skips: list[float] = []
    skip, end, last = 0.0, 0.0, None
    with open_input(path) as container:
        stream = video_stream(container)
        if stream is None or container.format.name not in _WITHOUT_INDEX:
            return ()
        usual = 1.0 / float(stream.average_rate or stream.guessed_rate or 25)
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, *READ_ERRORS):
                return tuple(skips)
            if packet.pts is None or packet.dts is None:
                continue
            now, order = (float(t * packet.time_base) for t in (packet.pts, packet.dts))
            if last is not None and order < last - RESTART:
                skip = now - end
                skips.append(skip)
            length = float(packet.duration * packet.time_base) if packet.duration else usual
            end, last = max(end, now - skip + length), order


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


def _wav_parts(path: Path) -> list[tuple[int, int]]:
    """Where the samples of a WAV file lie, offset and bytes; more than one part where a server has
    written a header before every chunk, of which FFmpeg reads the first only."""
    parts: list[tuple[int, int]] = []
    formats: set[bytes] = set()
    end = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return []
        at = headers = 0
        while at + 8 <= end and headers < _MOST_HEADERS:
            headers += 1
            file.seek(at)
            name, size = struct.unpack("<4sI", file.read(8))
            if name == b"RIFF":
                at += 12
                continue
            if not name.strip().isalnum():
                break
            if name == b"fmt ":
                formats.add(file.read(min(size, 64)))
            elif name == b"data":
                if at + 8 + size > end:  # a placeholder, or cut off
                    break
                if size:
                    parts.append((at + 8, size))
                    headers = 0
            at += 8 + size + size % 2
    return parts if len(formats) == 1 else parts[:1]


class _JoinedWav:
    """The parts of a WAV file, read as one: the first header, then all samples."""

    def __init__(self, path: Path, parts: Sequence[tuple[int, int]]):
        self._path, self._parts = path, list(parts)
        self._head = self._bytes(0, parts[0][0] - 4)
        self._head += b"\xff\xff\xff\xff"  # to the end, whatever length it states

    def read(self, n: int) -> bytes:
        """The next bytes, at most `n`; none at the end."""
        if self._head:
            piece, self._head = self._head[:n], self._head[n:]
            return piece
        if not self._parts:
            return b""
        at, size = self._parts.pop(0)
        if size > n:
            self._parts.insert(0, (at + n, size - n))
        return self._bytes(at, min(n, size))

    def _bytes(self, at: int, n: int) -> bytes:
        with self._path.open("rb") as file:  # nothing would close it
            file.seek(at)
            return file.read(n)
