"""Chunks of VP9: one for each image, decoded from any key on."""

import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.media.vp9 import encode_chunks
from tests.media.images import decoded_chunks


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """A colourful pattern that moves; of odd size."""
    y, x = np.mgrid[:47, :81]
    phases = [np.stack([x + 2 * t, y - t, x - y + 3 * t], -1) / 9 for t in range(12)]
    return np.stack([128 + 100 * np.sin(phase) for phase in phases]).astype(np.uint8)


def test_every_image_has_a_chunk_that_gives_it_back(images: np.ndarray) -> None:
    chunks = list(encode_chunks(images, 10, {0}))
    found = decoded_chunks(chunks)
    assert len(chunks) == len(found) == 12
    for image, made in zip(images, found, strict=True):
        away = np.square(made[:47, :81].astype(float) - image).mean()
        assert 10 * np.log10(255**2 / away) > 38


def test_it_may_begin_at_keys_alone(images: np.ndarray) -> None:
    chunks = list(encode_chunks(images, 10, {0, 7}))
    whole, later = decoded_chunks(chunks), decoded_chunks(chunks[7:])
    assert all(np.array_equal(a, b) for a, b in zip(whole[7:], later, strict=True))
    assert len(chunks[7]) > 1.5 * max(len(chunks[6]), len(chunks[8]))


def test_what_cannot_be_encoded_is_one_error(images: np.ndarray) -> None:
    with pytest.raises(MediaError, match="cannot be encoded as VP9"):
        list(encode_chunks(images, 99, {0}))
