"""A writer of video files from frames and sound; the file's suffix selects the container."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace
from jaxtyping import Float32, UInt8

from audioplane.assets import check_output, write_atomically
from audioplane.clock import FPS, SAMPLE_RATE
from audioplane.errors import MediaError
from audioplane.media.audio import audio_blocks, check_finite
from audioplane.media.container import reason

Sound = Float32[np.ndarray, " n"] | Iterable[Float32[np.ndarray, " _"]] | Path
"""A mono waveform in [-1, 1], blocks of one, or a file to read it from while it is written."""


@dataclass(frozen=True)
class _Container:
    """Encoders of files with one suffix."""

    format: str
    video: str
    audio: str
    worst: int
    """Highest number of `crf`."""

    def options(self, crf: int) -> dict[str, str]:
        """Of the video encoder."""
        if self.video == "libx264":
            return {"crf": str(crf), "preset": "veryfast"}
        return {"crf": str(crf), "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1"}


CONTAINERS = {
    ".mp4": _Container("mp4", "libx264", "aac", 51),
    ".mov": _Container("mov", "libx264", "aac", 51),
    ".mkv": _Container("matroska", "libx264", "aac", 51),
    ".webm": _Container("webm", "libvpx-vp9", "libopus", 63),
}
"""By suffix: H.264 and AAC, or VP9 and Opus. Only mp4 and mov can hold C2PA credentials."""
_OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)


def check_video_output(path: Path, *inputs: Path, crf: int = 18, alpha: bool = False) -> None:
    """Refuse, before any work, what `VideoWriter` could not write; nothing is made.

    Args:
        path: the video to be written.
        inputs: files that are read for it, which it must not replace.
        crf: its quality.
        alpha: whether it is to be transparent, which WebM alone can be.

    Raises:
        MediaError: another suffix than those of `CONTAINERS`, a `crf` out of range, no encoder of
            it here, or a place where no file can be written.
    """
    container = CONTAINERS.get(Path(path).suffix.lower())
    if container is None:
        names = ", ".join(CONTAINERS)
        raise MediaError(f"{path}: a video's name ends in one of {names}")
    if alpha and container.video != "libvpx-vp9":
        raise MediaError(f"{path} cannot be transparent: choose a name that ends in .webm")
    if not 0 <= crf <= container.worst:
        raise MediaError(f"crf={crf} is no quality: choose 0 (lossless) to {container.worst}")
    require_encoder(container.video)
    check_output(path, *inputs)


def require_encoder(name: str) -> None:
    """Check that FFmpeg has an encoder. Raises `MediaError`."""
    if name not in av.codecs_available:
        raise MediaError(f"this FFmpeg has no encoder {name}: pip install --force-reinstall av")


def _check_sound(kind: _Container, rate: int) -> None:
    require_encoder(kind.audio)
    if kind.audio == "libopus" and rate not in _OPUS_RATES:
        rates = ", ".join(f"{rate:,}" for rate in _OPUS_RATES)
        raise MediaError(f"Opus has no sound at {rate:,} samples a second: choose one of {rates}")


class VideoWriter:
    """Writes a video under a temporary name and renames it when complete.

    A context manager: leaving it by an exception removes the file. The sound is cut, or padded
    with silence, to the length of the images. Odd sizes get their last row or column twice,
    because yuv420p has even sizes only.
    """

    ALPHA = False
    """Whether frames are RGBA."""

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: int = FPS,
        audio: Sound | None = None,
        audio_rate: int = SAMPLE_RATE,
        crf: int = 18,
        seal: Callable[[Path], None] | None = None,
    ) -> None:
        """Open the file; its folders are made.

        Args:
            path: the finished file; its suffix, one of `CONTAINERS`, selects the encoders.
            width: of the frames, pixels.
            height: of the frames, pixels.
            fps: frames a second.
            audio: mono waveform in [-1, 1], its blocks or a sound file, which are read as they
                are written; None for a video without sound.
            audio_rate: its samples a second; Opus (webm) takes 8, 12, 16, 24 and 48 kHz.
            crf: quality, 0 lossless to 51 (VP9: 63) worst.
            seal: called with the complete file before it gets its name.

        Raises:
            MediaError: the file cannot be written, the sound not be encoded, or the sound file not
                be read.
        """
        self.path = Path(path)
        check_video_output(self.path, crf=crf, alpha=self.ALPHA)
        kind = CONTAINERS[self.path.suffix.lower()]
        if audio is not None:
            _check_sound(kind, audio_rate)
        self._size = (height, width)
        self._fps, self._rate = fps, audio_rate
        self._seal = seal
        self._blocks = _blocks_of(audio, audio_rate)
        self._ahead = np.zeros(0, np.float32)
        self._frames = self._samples = 0
        self._closed = False
        self._stack = ExitStack()
        try:
            writing = write_atomically(self.path, suffix=self.path.suffix)
            self._partial = self._stack.enter_context(writing)
            # FFmpeg takes the part before a colon in a relative name for a protocol.
            name = str(self._partial.absolute())
            self._container: Any = av.open(name, "w", format=kind.format)
            self._video = self._open_video(kind, crf)
            self._sound: Any = None
            if audio is not None:
                self._sound = self._container.add_stream(kind.audio, rate=audio_rate, layout="mono")
        except BaseException as e:
            self._drop(e)
            if isinstance(e, av.FFmpegError | OSError | ValueError):
                raise MediaError(f"{path} cannot be written: {reason(e)}") from e
            raise

    def _open_video(self, kind: _Container, crf: int) -> Any:
        options = kind.options(crf) | ({"auto-alt-ref": "0"} if self.ALPHA else {})
        stream = self._container.add_stream(kind.video, rate=self._fps, options=options)
        stream.height, stream.width = (n + n % 2 for n in self._size)
        stream.pix_fmt = self._format
        stream.time_base = Fraction(1, self._fps)
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1
        context.color_range = 1
        return stream

    def __enter__(self) -> "VideoWriter":
        return self

    @property
    def _format(self) -> str:
        return "yuva420p" if self.ALPHA else "yuv420p"

    def write(self, frame: UInt8[np.ndarray, "h w c"]) -> None:
        """Append one frame, RGB, with `ALPHA` RGBA.

        Raises `MediaError` (full disk, wrong size, sound that is no number).
        """
        if frame.shape != (*self._size, 3 + self.ALPHA):
            raise MediaError(f"a frame of {frame.shape} does not fit a video of {self._size}")
        even = np.pad(frame, [(0, n % 2) for n in self._size] + [(0, 0)], "edge")
        source = "rgba" if self.ALPHA else "rgb24"
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format=source)
        image = image.reformat(format=self._format, dst_colorspace=Colorspace.ITU709)
        image.pts, image.time_base = self._frames, Fraction(1, self._fps)
        image.colorspace, image.color_range = 1, 1
        try:
            self._container.mux(self._video.encode(image))
            self._frames += 1
            self._write_sound(round(self._frames * self._rate / self._fps))
        except (av.FFmpegError, OSError) as e:
            raise MediaError(f"{self.path} cannot be written: {reason(e)}") from e

    def _write_sound(self, until: int) -> None:
        """Encode the samples up to `until`, silence where the sound has ended."""
        if self._sound is None:
            return
        wanted = until - self._samples
        while len(self._ahead) < wanted:
            block = next(self._blocks, None)
            if block is None:
                block = np.zeros(wanted - len(self._ahead), np.float32)
            block = block.astype(np.float32)
            check_finite(block)
            self._ahead = np.concatenate([self._ahead, block])
        piece, self._ahead = self._ahead[:wanted], self._ahead[wanted:]
        sound = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(piece[None]), format="fltp", layout="mono"
        )
        sound.sample_rate, sound.pts = self._rate, self._samples
        sound.time_base = Fraction(1, self._rate)
        self._container.mux(self._sound.encode(sound))
        self._samples = until

    def close(self) -> None:
        """Finish the file and give it its name, once.

        Raises `MediaError`, and what `seal` raises.
        """
        if self._closed:
            return
        try:
            if not self._frames:
                raise MediaError(f"{self.path} was not written: there is no frame to write")
            self._container.mux(self._video.encode(None))
            if self._sound is not None:
                self._container.mux(self._sound.encode(None))
            self._container.close()
            if self._seal is not None:
                self._seal(self._partial)
        except BaseException as e:
            self._drop(e)
            if isinstance(e, av.FFmpegError | OSError):
                raise MediaError(f"{self.path} cannot be written: {reason(e)}") from e
            raise
        self._closed = True
        self._stack.close()

    def _drop(self, why: BaseException) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if hasattr(self, "_container"):
                self._container.close()
        except (av.FFmpegError, OSError):
            pass
        try:
            self._stack.__exit__(type(why), why, None)
        except BaseException as raised:
            if raised is not why and raised.__cause__ is not why:
                raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._drop(error)


class TransparentVideoWriter(VideoWriter):
    """Writes RGBA frames, colours not multiplied by alpha, to a webm file."""

    ALPHA = True


def _blocks_of(audio: Any, rate: int) -> Iterator[np.ndarray]:
    """The sound piece by piece. A file that cannot be read raises here."""
    if audio is None:
        return iter(())
    if isinstance(audio, str | Path):
        return audio_blocks(Path(audio), rate)
    if isinstance(audio, np.ndarray):
        return (audio[i : i + rate] for i in range(0, len(audio), rate))
    return iter(audio)
