"""Still images: read and written as grey or RGB(A) uint8."""

import struct
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from audioplane.assets import write_atomically
from audioplane.errors import MediaError

_TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
_FROM_RGB = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
_FLAGS = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR, 4: cv2.IMREAD_UNCHANGED}
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV before 4.12 chooses slower filters by itself
    _PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
_MOST_PIXELS = 1 << 26
"""8192 x 8192."""


def read_image(path: Path, channels: int = 3) -> UInt8[np.ndarray, "h w c"]:
    """Read a JPEG, PNG or WebP as grey (`channels` 1), RGB (3) or RGBA (4). Raises `MediaError`."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as e:
        raise MediaError(f"{path} cannot be read: {e.strerror}") from e
    return decode_image(data, channels, str(path))


def decode_image(
    data: bytes | UInt8[np.ndarray, " n"], channels: int = 3, name: str = "an image"
) -> UInt8[np.ndarray, "h w c"]:
    """Grey (`channels` 1), RGB (3) or RGBA (4) from the bytes of a JPEG, PNG or WebP file.

    Raises `MediaError`, which names the image `name`.
    """
    size = stored_size(bytes(data))
    if size is not None and size[0] * size[1] > _MOST_PIXELS:  # before memory is asked for
        raise MediaError(f"{name} claims {size[1]} x {size[0]} pixels: it is damaged or too large")
    image = None
    if size is not None:
        with suppress(cv2.error):
            image = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[channels])
    if image is not None and channels == 1:
        image = image[..., None]
    if image is None or image.ndim != 3 or image.shape[2] != channels or image.dtype != np.uint8:
        raise MediaError(
            f"{name} is not a readable image (JPEG, PNG or WebP) of {channels} channels of 8 bits"
        )
    return image if channels == 1 else cv2.cvtColor(image, _TO_RGB[channels])


def stored_size(head: bytes) -> tuple[int, int] | None:
    """Height and width from the first bytes of a PNG, JPEG or WebP; None where they hold none."""
    if head.startswith(b"\x89PNG") and len(head) >= 24:
        return int.from_bytes(head[20:24], "big"), int.from_bytes(head[16:20], "big")
    if head.startswith(b"\xff\xd8"):
        return _jpeg_size(head)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP" and len(head) >= 30:
        return _webp_size(head)
    return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """As decoders do, skips what stands between segments."""
    at = 2
    while (at := head.find(b"\xff", at)) >= 0 and at + 9 <= len(head):
        marker, length, height, width = struct.unpack_from(">xBHxHH", head, at)
        if marker == 0xDA:  # the image itself
            return None
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # frame headers
            return height, width
        if marker == 0xFF:
            at += 1
        else:  # those that stand alone have no length
            at += 2 if marker < 0xC0 or 0xD0 <= marker <= 0xD9 else 2 + length
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """By the first chunk: lossy, lossless, or with alpha, frames and the like."""
    if head[12:16] == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return height & 0x3FFF, width & 0x3FFF
    if head[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[27:30], "little") + 1, int.from_bytes(head[24:27], "little") + 1
    return None


def write_image(path: Path, image: UInt8[np.ndarray, "h w c"], quality: int = 95) -> None:
    """Write grey or RGB(A) to a `.jpg` (at `quality`, 0–100) or `.png`. Raises `MediaError`."""
    encoded = encode_image(image, path.suffix, quality)
    with write_atomically(path, sync=False) as partial:  # thousands of frames
        partial.write_bytes(encoded)


def encode_image(image: UInt8[np.ndarray, "h w c"], suffix: str, quality: int = 95) -> bytes:
    """Grey or RGB(A) as the bytes of a `.jpg`, `.webp` (both at `quality`; above 100, WebP without
    loss) or `.png` file. Raises `MediaError`."""
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }.get(suffix, _PNG)
    if image.shape[2] > 1:
        image = cv2.cvtColor(image, _FROM_RGB[image.shape[2]])
    try:
        ok, data = cv2.imencode(suffix, image, options)
    except cv2.error:  # a suffix of no format that it writes
        ok, data = False, image
    if not ok:
        raise MediaError(f"an image of shape {image.shape} cannot be encoded as {suffix}")
    return data.tobytes()
