"""Video: any file that FFmpeg knows to RGB frames at a fixed rate, and frames to an MP4 file."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace
from jaxtyping import Float32, UInt8

from audioplane.errors import MediaError
from audioplane.media.audio import SPEECH_RATE
from audioplane.media.container import (
    READ_ERRORS,
    decode,
    first_picture_time,
    open_input,
    reason,
    video_stream,
)
from audioplane.media.tonemap import hdr_to_sdr, is_hdr

_EARLY = 0.002
"""Seconds by which a picture counts as on screen before its time stamp: time stamps of 50 and
100 fps fall on the moments that are sampled, and rounding must not decide there."""
_LONGEST_STILL = 60.0
"""Seconds between two pictures beyond which the time stamps are taken for damaged."""
_STEPS_BACK = (0.0, 2.0, 12.0)
"""Seconds before a moment that are jumped to until a picture before it is met."""
_HD_HEIGHT = 720
"""Untagged video of fewer lines is BT.601, else BT.709, as players assume."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself."""

    width: int
    """Pixels, after rotation and with square pixels."""
    height: int
    """Pixels, after rotation."""
    fps: float
    """Mean pictures a second; 0 where unknown."""
    duration: float
    """Seconds; 0 where unknown, as in a file cut short."""
    has_audio: bool


def probe_video(path: Path) -> VideoInfo:
    """Size, rate and length of a video. Raises `MediaError` if it has no readable picture."""
    with open_input(path) as container:
        stream = _require_video(container, path)
        first = next(decode(container, stream), None)
        if first is None:
            raise MediaError(f"{path} has a video track, but no picture of it can be decoded")
        height, width = to_rgb(first, _pixel_aspect(stream)).shape[:2]
        if stream.duration is not None:
            duration = float(stream.duration * stream.time_base)
        else:
            duration = (container.duration or 0) / av.time_base
        fps = stream.average_rate or stream.guessed_rate or 0
        return VideoInfo(width, height, float(fps), duration, bool(container.streams.audio))


def read_frames(
    path: Path, fps: int = 25, first: int = 0, end: int | None = None
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Pictures of a video at a fixed rate, resampled by time stamps.

    Frame `k` is the picture on screen at second `(k + 0.5) / fps` after the first picture, so
    every rate, constant or not, is sampled at the middle of the interval that frame `k` stands
    for. Rotation metadata is applied, 10-bit and HDR become 8-bit SDR, pixels become square.
    One picture is held at a time. A file cut short yields what comes before the cut.

    Args:
        path: any container and codec that FFmpeg reads.
        fps: frames a second of the result.
        first: number of the first frame to yield; what lies before is jumped over where the
            file has an index.
        end: number of the frame to stop before; None for all.

    Yields:
        RGB frames, all of the first one's size.

    Raises:
        MediaError: there is no video track, or nothing of it can be decoded.
    """
    with open_input(path) as container:
        stream = _require_video(container, path)
        aspect = _pixel_aspect(stream)
        pictures, zero = decode(container, stream), None
        if first:
            pictures, zero = _jump(container, stream, path, first / fps)
        count, image, frame = first, None, None
        for frame, gone in _timed(pictures, stream, path, zero):
            if end is not None and count >= end:
                return
            # The picture is converted only if a sampled moment falls on it.
            until = math.ceil((gone - _EARLY) * fps - 0.5)
            until = until if end is None else min(until, end)
            if until <= count:
                continue
            shape = None if image is None else image.shape[:2]
            image = to_rgb(frame, aspect)
            if shape is not None and image.shape[:2] != shape:
                raise MediaError(f"{path} changes its picture size on the way: cut it there")
            for _ in range(count, until):
                yield image
            count = until
        if image is None and not first:
            if frame is None:
                raise MediaError(f"{path} has a video track, but no picture of it can be decoded")
            yield to_rgb(frame, aspect)  # shorter than half a frame, but something was shown


def _require_video(container: Any, path: Path) -> Any:
    stream = video_stream(container)
    if stream is None:
        raise MediaError(f"{path} has no video track")
    if stream.codec_context is None:
        raise MediaError(f"{path} has a video track of a codec that FFmpeg does not know")
    stream.thread_type = "AUTO"
    return stream


def _jump(
    container: Any, stream: Any, path: Path, second: float
) -> tuple[Iterator[Any], float | None]:
    """Pictures from the last key picture before a second, and when the very first is shown.

    Where the file has no index, or its pictures no time, they come from the beginning.
    """
    zero = first_picture_time(path)
    if zero is None:
        return decode(container, stream), None
    for back in (*_STEPS_BACK, second):
        try:
            aim = float(zero) + max(0.0, second - back)
            container.seek(int(aim / stream.time_base), stream=stream)
        except READ_ERRORS:
            break
        pictures = decode(container, stream)
        picture = next(pictures, None)
        # Without an index a jump may land behind its aim.
        if picture is None or picture.pts is None:
            continue
        if picture.pts * picture.time_base <= zero + Fraction(second):
            return chain([picture], pictures), float(zero)
    return decode(container, stream), float(zero)


def _timed(
    frames: Iterator[Any], stream: Any, path: Path, zero: float | None = None
) -> Iterator[tuple[Any, float]]:
    """Pictures with the second, after the first picture, at which each leaves the screen.

    `zero`: when the first picture is shown, if not the first of `frames` is that.
    """
    usual = 1.0 / float(stream.average_rate or stream.guessed_rate or 25)
    previous: tuple[Any, float, float] | None = None
    for frame in frames:
        length = float(frame.duration * frame.time_base) if frame.duration else usual
        if frame.pts is not None:
            now = float(frame.pts * frame.time_base)
        else:
            now = 0.0 if previous is None else float(zero or 0) + previous[1] + previous[2]
        zero = now if zero is None else zero
        now -= zero
        if previous is not None:
            if now <= previous[1]:
                continue
            if now - previous[1] > _LONGEST_STILL:
                raise MediaError(
                    f"{path} jumps from second {previous[1]:.1f} to {now:.1f}: "
                    "its time stamps are damaged, convert it first"
                )
            yield previous[0], now
        previous = frame, now, length
    if previous is not None:
        yield previous[0], previous[1] + previous[2]


def _pixel_aspect(stream: Any) -> float:
    """Width of a pixel over its height."""
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return float(ratio) if ratio and 0.1 < ratio < 10 else 1.0


def to_rgb(frame: Any, pixel_aspect: float = 1.0) -> UInt8[np.ndarray, "h w 3"]:
    """One decoded picture as upright 8-bit RGB with square pixels."""
    known = frame.colorspace in {int(c) for c in Colorspace}
    guess = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
    space = frame.colorspace if known else guess
    width = max(1, round(frame.width * pixel_aspect))
    if is_hdr(frame.color_trc):
        deep = frame.to_ndarray(format="rgb48le", width=width, src_colorspace=space)
        image = hdr_to_sdr(deep, frame.color_trc)
    else:
        image = frame.to_ndarray(format="rgb24", width=width, src_colorspace=space)
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarter_turns))


class VideoWriter:
    """Writes an MP4 (H.264 yuv420p, AAC) under a temporary name and renames it when complete.

    A context manager: leaving it by an exception removes the file. The sound is cut, or filled
    up with silence, to the length of the pictures. Odd sizes get their last row or column twice,
    because yuv420p knows even sizes only.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: int = 25,
        audio: Float32[np.ndarray, " n"] | None = None,
        audio_rate: int = SPEECH_RATE,
        crf: int = 18,
        seal: Callable[[Path], None] | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: where the finished file will lie.
            width: of the frames, pixels.
            height: of the frames, pixels.
            fps: frames a second.
            audio: mono waveform in [-1, 1]; None for a silent film.
            audio_rate: its samples a second.
            crf: H.264 quality, 0 lossless to 51 worst.
            seal: what is done to the complete file before it gets its name.

        Raises:
            MediaError: the file cannot be written.
        """
        self.path = Path(path)
        self._partial = self.path.with_name(f".{self.path.name}.partial.mp4")
        self._size = (height, width)
        self._fps, self._rate = fps, audio_rate
        self._audio, self._seal = audio, seal
        self._frames = self._samples = 0
        try:
            self._partial.write_bytes(b"")  # fails here and now where nothing can be written
            self._container = av.open(str(self._partial), "w")
            self._video = self._open_video(crf)
            self._sound = None
            if audio is not None:
                self._sound = self._container.add_stream("aac", rate=audio_rate, layout="mono")
        except (av.FFmpegError, OSError, ValueError) as e:
            self._partial.unlink(missing_ok=True)
            raise MediaError(f"{path} cannot be written: {reason(e)}") from e

    def _open_video(self, crf: int) -> Any:
        stream = self._container.add_stream(
            "libx264", rate=self._fps, options={"crf": str(crf), "preset": "veryfast"}
        )
        stream.height, stream.width = (n + n % 2 for n in self._size)
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, self._fps)
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1
        context.color_range = 1
        return stream

    def __enter__(self) -> "VideoWriter":
        return self

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append one RGB frame. Raises `MediaError` (full disk, wrong size)."""
        if frame.shape[:2] != self._size:
            raise MediaError(f"a frame of {frame.shape[:2]} does not fit a video of {self._size}")
        even = np.pad(frame, [(0, n % 2) for n in self._size] + [(0, 0)], "edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        picture.pts, picture.time_base = self._frames, Fraction(1, self._fps)
        picture.colorspace, picture.color_range = 1, 1
        try:
            self._container.mux(self._video.encode(picture))
            self._frames += 1
            self._write_sound(round(self._frames * self._rate / self._fps))
        except (av.FFmpegError, OSError) as e:
            raise MediaError(f"{self.path} cannot be written: {reason(e)}") from e

    def _write_sound(self, until: int) -> None:
        """Encode the samples up to `until`, silence where the waveform has ended."""
        if self._sound is None or self._audio is None:
            return
        piece = self._audio[self._samples : until].astype(np.float32)
        piece = np.pad(piece, (0, until - self._samples - len(piece)))
        sound = av.AudioFrame.from_ndarray(piece[None], format="fltp", layout="mono")
        sound.sample_rate, sound.pts = self._rate, self._samples
        sound.time_base = Fraction(1, self._rate)
        self._container.mux(self._sound.encode(sound))
        self._samples = until

    def close(self) -> None:
        """Finish the file and give it its name. Raises `MediaError`, and what `seal` raises."""
        if not self._frames:
            self.abort()
            raise MediaError(f"{self.path} was not written: there is no frame to write")
        try:
            self._container.mux(self._video.encode(None))
            if self._sound is not None:
                self._container.mux(self._sound.encode(None))
            self._container.close()
            if self._seal is not None:
                self._seal(self._partial)
            self._partial.replace(self.path)
        except (av.FFmpegError, OSError) as e:
            self.abort()
            raise MediaError(f"{self.path} cannot be written: {reason(e)}") from e
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Drop what was written."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            pass
        self._partial.unlink(missing_ok=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()
