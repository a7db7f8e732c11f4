import struct

import cv2
import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.media.image import decode_image, encode_image, read_image, stored_size

IMAGE = np.random.default_rng(0).integers(0, 256, (30, 20, 4)).astype(np.uint8)


def _stored(suffix: str, quality: int = 95, channels: int = 3) -> bytes:
    return encode_image(IMAGE[..., :channels], suffix, quality)


def _huge(suffix: str, quality: int = 95) -> bytes:
    """An image whose header claims 12000 x 12000 pixels."""
    data = _stored(suffix, quality)
    if suffix == ".webp":
        lossy = quality <= 100
        size = struct.pack("<HH", 12000, 12000) if lossy else struct.pack("<I", 11999 * 0x4001)
        at = 26 if lossy else 21
        return data[:at] + size + data[at + 4 :]
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", 12000, 12000) + data[at + 4 :]


@pytest.mark.parametrize(
    ("suffix", "quality", "channels"),
    [(".png", 95, 4), (".jpg", 95, 3), (".webp", 95, 3), (".webp", 101, 3), (".webp", 95, 4)],
)
def test_the_size_of_an_image_is_known_before_it_is_decoded(suffix, quality, channels):
    data = _stored(suffix, quality, channels)
    assert stored_size(data) == (30, 20)
    assert decode_image(data, channels).shape == (30, 20, channels)


def test_images_larger_than_memory_are_refused_wherever_they_say_their_size():
    jpeg = _huge(".jpg")
    photo = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 5002) + bytes(5000) + b"\xff" + jpeg[2:]
    odd = jpeg[:2] + b"x\xff\xd0" + jpeg[2:]
    for data in (jpeg, photo, odd, _huge(".webp"), _huge(".webp", 101)):
        with pytest.raises(MediaError, match="claims 12000 x 12000 pixels"):
            decode_image(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P5 0 0 255\n" + bytes(100),
        b"P5 40000 40000 255\n" + bytes(100),
        cv2.imencode(".bmp", IMAGE[..., :3])[1].tobytes(),
        _stored(".jpg")[:9],
        _stored(".png")[:20],
        _stored(".webp")[:25],
        b"\xff\xd8" + 100 * b"\xff",
    ],
)
def test_what_is_no_image_of_the_three_formats_is_refused_by_name(data, tmp_path):
    (tmp_path / "wall").write_bytes(data)
    with pytest.raises(MediaError, match=r"wall is not a readable image \(JPEG, PNG or WebP\)"):
        read_image(tmp_path / "wall")


@pytest.mark.parametrize("suffix", ["", ".pdf", ".docx"])
def test_an_image_is_not_encoded_as_what_is_no_image(suffix):
    with pytest.raises(MediaError, match="cannot be encoded"):
        encode_image(IMAGE, suffix)
