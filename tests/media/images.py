"""Grey images that encoding leaves distinguishable; what chunks of VP9 hold."""

from collections.abc import Sequence

import av
import cv2
import numpy as np

LEVEL = 4
"""Grey levels from one image to the next, so that its brightness gives an image's number."""


def grey(i: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Image number i."""
    return np.full((height, width, 3), 20 + LEVEL * i, np.uint8)


def number_of(image: np.ndarray) -> int:
    """The number of an image of `grey`."""
    return round((float(image.mean()) - 20) / LEVEL)


def decoded_chunks(chunks: Sequence[bytes]) -> list[np.ndarray]:
    """The RGB images of chunks of VP9, BT.601 in full range; their sizes are even."""
    decoder = av.CodecContext.create("vp9", "r")
    frames = [frame for chunk in chunks for frame in decoder.decode(av.Packet(chunk))]
    return [_coloured(frame) for frame in [*frames, *decoder.decode(None)]]


def _coloured(frame: av.VideoFrame) -> np.ndarray:
    planes, size = frame.to_ndarray().astype(np.float32), (frame.width, frame.height)
    luma, rest = planes[: frame.height], planes[frame.height :].reshape(2, frame.height // 2, -1)
    u, v = (cv2.resize(half - 128, size, interpolation=cv2.INTER_LINEAR) for half in rest)
    rgb = luma + 1.402 * v, luma - 0.344136 * u - 0.714136 * v, luma + 1.772 * u
    return np.clip(np.round(np.stack(rgb, -1)), 0, 255).astype(np.uint8)
