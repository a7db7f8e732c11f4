"""Video: RGB frames at a fixed rate from any file that FFmpeg reads."""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace
from jaxtyping import UInt8

from audioplane.errors import MediaError
from audioplane.media.container import (
    READ_ERRORS,
    RESTART,
    clock_restarts,
    decode,
    first_image_time,
    open_input,
    video_stream,
)
from audioplane.media.tonemap import hdr_to_sdr, is_hdr

_EARLY = 0.002
"""Seconds by which an image counts as on screen before its time stamp: time stamps of 50 and
100 fps fall on the moments that are sampled, and rounding must not decide there."""
_LONGEST_STILL = 60.0
"""Seconds between two images beyond which the time stamps are taken for damaged."""
_LARGEST = 16_384
"""Most pixels of a side; more is taken for damage."""
_STEPS_BACK = (0.0, 2.0, 12.0)
"""Seconds before a moment to which is jumped, until an image before it is found."""
_MATRICES = {int(c): c for c in Colorspace} | {6: Colorspace.ITU601, 10: Colorspace.BT2020}
"""swscale's matrix for a tag of ITU-T H.273, which has two numbers for two of them."""
_HD_HEIGHT = 720
"""Untagged video of fewer lines is BT.601, else BT.709, as players assume."""


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video file."""

    width: int
    """Pixels, after rotation and with square pixels."""
    height: int
    """Pixels, after rotation."""
    fps: float
    """Mean images a second; 0 where unknown."""
    duration: float
    """Seconds of images that are there; 0 where unknown."""
    has_audio: bool
    interlaced: bool = False
    """Whether it is interlaced; its fields are combined as they are read."""
    missing: float = 0.0
    """Seconds of images that its video track states beyond those that are there."""


def probe_video(path: Path) -> VideoInfo:
    """Size, rate and length of a video. Raises `MediaError` if it has no readable image."""
    with open_input(path) as container:
        stream = _require_video(container, path)
        first = next(decode(container, stream), None)
        if first is None:
            raise MediaError(f"{path} has a video track, but no image of it can be decoded")
        height, width = to_rgb(first, _pixel_aspect(stream)).shape[:2]
        interlaced = bool(first.interlaced_frame)
        # What the file states may be the sound's, or that of a file since cut short.
        duration = _end_of_packets(container, stream, first)
        stated = float((stream.duration or 0) * stream.time_base)
        missing = max(0.0, stated - duration)
        fps = stream.average_rate or stream.guessed_rate or 0
        has_audio = bool(container.streams.audio)
        return VideoInfo(width, height, float(fps), duration, has_audio, interlaced, missing)


def _end_of_packets(container: Any, stream: Any, first: Any) -> float:
    """Seconds from the first image to the end of the last packet; 0 where none says."""
    rate = stream.average_rate or stream.guessed_rate or 25
    begin = 0.0 if first.pts is None else float(first.pts * first.time_base)
    end = begin
    try:
        for packet in container.demux(stream):
            if packet.pts is not None:
                length = packet.duration * packet.time_base if packet.duration else 1 / rate
                end = max(end, float(packet.pts * packet.time_base + length))
    except READ_ERRORS:
        pass
    return end - begin


def read_frames(
    path: Path, fps: int = 25, first: int = 0, end: int | None = None
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Images of a video at a fixed rate, resampled by time stamps.

    Frame `k` is the image on screen at second `(k + 0.5) / fps` after the first image, so
    every rate, constant or not, is sampled at the middle of the interval that frame `k` stands
    for. The display matrix is applied, 10-bit and HDR become 8-bit SDR, pixels become square,
    fields are combined, and time stamps that start again are continued. Memory holds one image.
    A file cut short yields what comes before the cut.

    Args:
        path: any container and codec that FFmpeg reads.
        fps: frames a second of the result.
        first: number of the first frame to yield; earlier ones are skipped by the file's index
            where it has one.
        end: number of the frame to stop before; None for all.

    Yields:
        RGB frames, all of the first one's size.

    Raises:
        MediaError: there is no video track, or nothing of it can be decoded.
    """
    with open_input(path) as container:
        stream = _require_video(container, path)
        aspect = _pixel_aspect(stream)
        images, zero = decode(container, stream), None
        if first:
            images, zero = _jump(container, stream, path, first / fps)
        count, image, frame = first, None, None
        for frame, gone in _timed(_whole_images(images, stream), stream, path, zero):
            if end is not None and count >= end:
                return
            # The image is converted only if a sampled moment falls on it.
            until = math.ceil((gone - _EARLY) * fps - 0.5)
            until = until if end is None else min(until, end)
            if until <= count:
                continue
            shape = None if image is None else image.shape[:2]
            image = to_rgb(frame, aspect)
            if shape is not None and image.shape[:2] != shape:
                raise size_changes(path)
            for _ in range(count, until):
                yield image
            count = until
        if image is None and not first:
            if frame is None:
                raise MediaError(f"{path} has a video track, but no image of it can be decoded")
            yield to_rgb(frame, aspect)  # shorter than half a frame, but something was shown


def size_changes(path: Path) -> MediaError:
    """The error of a video whose images are not all of one size."""
    return MediaError(f"{path} changes its image size midway: cut it there")


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
    """Images from the last key frame before a second, and when the very first is shown.

    Where the file has no index, or its images no time, they come from the beginning.
    """
    zero = first_image_time(path)
    if zero is None or clock_restarts(path):
        return decode(container, stream), None
    for back in (*_STEPS_BACK, second):
        try:
            aim = float(zero) + max(0.0, second - back)
            container.seek(int(aim / stream.time_base), stream=stream)
        except READ_ERRORS:
            break
        images = decode(container, stream)
        image = next(images, None)
        # Without an index a jump may land behind its target.
        if image is None or image.pts is None:
            continue
        if image.pts * image.time_base <= zero + Fraction(second):
            return chain([image], images), float(zero)
    return _from_beginning(path), float(zero)


def _from_beginning(path: Path) -> Iterator[Any]:
    """Images of a container of its own: a jump leaves the other where it cannot return from."""
    with open_input(path) as container:
        yield from decode(container, _require_video(container, path))


def _timed(
    frames: Iterator[Any], stream: Any, path: Path, zero: float | None = None
) -> Iterator[tuple[Any, float]]:
    """Images with the second, after the first image, at which each leaves the screen.

    `zero`: when the first image is shown, if not the first of `frames` is that.
    """
    usual = 1.0 / float(stream.average_rate or stream.guessed_rate or 25)
    previous: tuple[Any, float, float] | None = None
    skipped = 0.0
    for frame in frames:
        length = float(frame.duration * frame.time_base) if frame.duration else usual
        if frame.pts is not None:
            now = float(frame.pts * frame.time_base)
        else:
            now = float(zero or 0) + skipped
            now += previous[1] + previous[2] if previous is not None else 0.0
        zero = now if zero is None else zero
        now -= zero
        now -= skipped
        if previous is not None:
            if now < previous[1] - RESTART:
                skipped += now - previous[1] - previous[2]
                now = previous[1] + previous[2]
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


def _whole_images(frames: Iterator[Any], stream: Any) -> Iterator[Any]:
    """The same images, with the fields of interlaced video combined."""
    graph = None
    for frame in frames:
        if graph is None and frame.interlaced_frame:
            graph = _deinterlacer(frame, stream)
        if graph is None:
            yield frame
            continue
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _deinterlacer(frame: Any, stream: Any) -> Any:
    graph = Graph()
    source = graph.add_buffer(template=stream, time_base=frame.time_base)
    filters = [source, graph.add("bwdif", "mode=send_frame:deint=interlaced")]
    graph.link_nodes(*filters, graph.add("buffersink")).configure()
    return graph


def _pulled(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.FFmpegError, StopIteration):  # it waits for the next one
            return


def _pixel_aspect(stream: Any) -> float:
    """Width of a pixel over its height."""
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return float(ratio) if ratio and 0.1 < ratio < 10 else 1.0


def to_rgb(frame: Any, pixel_aspect: float = 1.0) -> UInt8[np.ndarray, "h w 3"]:
    """One decoded image as upright 8-bit RGB with square pixels."""
    if max(frame.width, frame.height) > _LARGEST:
        raise MediaError(f"images of {frame.width} × {frame.height} are more than can be read")
    guess = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
    space = _MATRICES.get(frame.colorspace, guess)
    width = max(1, round(frame.width * pixel_aspect))
    if is_hdr(frame.color_trc):
        deep = frame.to_ndarray(format="rgb48le", width=width, src_colorspace=space)
        image = hdr_to_sdr(deep, frame.color_trc)
    else:
        image = frame.to_ndarray(format="rgb24", width=width, src_colorspace=space)
    return np.ascontiguousarray(_upright(image, _display_matrix(frame)))


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """(a, b, c, d): a point (x, y) of an image is shown at (ax + cy, bx + dy); each -1, 0 or 1."""
    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None or len(bytes(data)) != 36:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return 0, int(np.sign(b)) or 1, int(np.sign(c)) or 1, 0
    return int(np.sign(a)) or 1, 0, 0, int(np.sign(d)) or 1


def _upright(
    image: UInt8[np.ndarray, "h w 3"], matrix: tuple[int, int, int, int]
) -> UInt8[np.ndarray, "hh ww 3"]:
    """An image as one of the eight display matrices shows it: turned, mirrored or both."""
    a, b, c, d = matrix
    if a == 0:
        image = image.swapaxes(0, 1)
    return image[:: b + d, :: a + c]
