"""Images as chunks of VP9, one for each, which browsers decode one by one (WebCodecs)."""

from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from jaxtyping import UInt8

from audioplane.clock import FPS
from audioplane.errors import MediaError
from audioplane.media.container import reason
from audioplane.media.writer import require_encoder

CODEC = "vp09.00.41.08.01.06.06.06.01"
"""What browsers call it: profile 0, 8 bits, 4:2:0, BT.601 in full range."""
_FULL_RANGE = 2
_NO_FRAME_APART = {"lag-in-frames": "0", "auto-alt-ref": "0", "g": "1000000"}
"""Every chunk is an image that is shown; keys are those asked for."""
_YUV = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)


def encode_chunks(
    images: Iterable[UInt8[np.ndarray, "h w 3"]], crf: int, keys: Collection[int]
) -> Iterator[bytes]:
    """A chunk for each image, in their order.

    Args:
        images: RGB, all of one size.
        crf: quality, 0 (best) to 63.
        keys: numbers of those that are decoded without the ones before, beside the first.

    Raises `MediaError` where they cannot be encoded.
    """
    context: Any = None
    try:
        for number, image in enumerate(images):
            planes = _planes(image)
            if context is None:
                context = _encoder(planes.shape[1], planes.shape[0] * 2 // 3, crf)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts = number
            if number in keys:
                frame.pict_type = PictureType.I
            (packet,) = context.encode(frame)
            yield bytes(packet)
    except (av.FFmpegError, ValueError) as e:
        raise MediaError(f"images cannot be encoded as VP9: {reason(e)}") from e


def _encoder(width: int, height: int, crf: int) -> Any:
    require_encoder("libvpx-vp9")
    context: Any = av.CodecContext.create("libvpx-vp9", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.color_range = Fraction(1, FPS), _FULL_RANGE
    options = {"crf": str(crf), "b": "0", "deadline": "good", "cpu-used": "1"}
    context.options = options | _NO_FRAME_APART
    return context


def _planes(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "k u"]:
    """Y, then U and V of half the size, each the mean of four pixels: BT.601 in full range. Odd
    sizes get their last row or column twice."""
    height, width = image.shape[:2]
    even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    yuv = even.astype(np.float32) @ _YUV.T
    height, width = even.shape[:2]
    half = cv2.resize(yuv[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    half = half.reshape(height // 2, width // 2, 2) + 128
    planes = [yuv[..., 0].ravel(), half[..., 0].ravel(), half[..., 1].ravel()]
    numbers = np.clip(np.round(np.concatenate(planes)), 0, 255).astype(np.uint8)
    return numbers.reshape(-1, width)
