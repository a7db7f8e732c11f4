import numpy as np
import pytest

from audioplane.mark import Marker, MarkPayload
from audioplane.mark.embed import _strengths
from tests.mark.clips import disc_frames

KEY = b"k" * 32
PAYLOAD = MarkPayload(1, 2)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


@pytest.mark.parametrize("size", [(512, 512), (123, 97), (90, 160)])
def test_any_image_keeps_42_dB(size):
    rng = np.random.default_rng(0)
    marker = Marker(size[1], size[0], PAYLOAD, KEY)
    images = [
        disc_frames(0.04, *size)[0],
        rng.integers(0, 256, (*size, 3), np.uint8),
        np.full((*size, 3), 90, np.uint8),
    ]
    for image in images:
        for index in (0, 7, 13, 100):
            marked = marker.mark(image, index)
            assert 42 <= psnr(image, marked) < 48
            assert abs(marked.astype(int) - image).max() < 12


def test_flat_images_get_less_than_textured_ones():
    rng = np.random.default_rng(0)
    marker = Marker(256, 256, PAYLOAD, KEY)
    image = np.full((256, 256, 3), 90, np.uint8)
    image[:, 128:] = rng.integers(80, 100, (256, 128, 1), np.uint8)
    change = np.abs(marker.mark(image, 3).astype(float) - image).mean((0, 2))
    assert change[128:].mean() > 1.5 * change[:128].mean()


def test_strength_follows_the_mean_slope_of_a_cell():
    rng = np.random.default_rng(1)
    image = (rng.integers(0, 256, (24, 16, 3)) // 16).astype(np.uint8)
    rows, columns = np.arange(24, dtype=np.int32) // 8, np.arange(16, dtype=np.int32) // 8
    # Each cell has 16 samples.
    strengths, counts = np.zeros((3, 2), np.float32), np.full((3, 2), 16, np.float32)
    _strengths(image, rows, columns, 2, strengths, counts)
    green = image[..., 1].astype(float)
    slope = np.minimum(
        np.abs(green[:-1, 1:] - green[:-1, :-1]) + np.abs(green[1:, :-1] - green[:-1, :-1]), 16
    )
    expected = [
        [
            np.mean([slope[y, x] for y in range(i * 8, min(i * 8 + 8, 23), 2)
                     for x in range(j * 8, min(j * 8 + 8, 15), 2)])
            for j in range(2)
        ]
        for i in range(3)
    ]  # fmt: skip
    wanted = np.minimum(1.25 + 0.17 * np.array(expected), 3.0)
    wanted *= min(1, 1.88 / np.sqrt((wanted**2).mean()))
    assert strengths == pytest.approx(wanted, rel=1e-4)


def test_white_and_black_do_not_wrap_around():
    marker = Marker(64, 64, PAYLOAD, KEY)
    for level in (0, 255):
        image = np.full((64, 64, 3), level, np.uint8)
        marked = marker.mark(image, 5).astype(int)
        assert abs(marked - level).max() < 8 and (marked != level).any()


def test_the_mark_is_grey_and_its_sum_over_two_seconds_is_nothing():
    marker = Marker(128, 128, PAYLOAD, KEY)
    image = np.full((128, 128, 3), 100, np.uint8)
    marked = np.stack([marker.mark(image, i).astype(int) for i in range(50)])
    assert (marked[..., 0] == marked[..., 1]).all() and (marked[..., 0] == marked[..., 2]).all()
    assert abs(marked.mean(0) - 100).max() < 0.6
    assert marked[0].std() == pytest.approx(marked[12].std(), rel=0.1)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match="marker of"):
        Marker(64, 64, PAYLOAD, KEY).mark(np.zeros((256, 256, 3), np.uint8), 0)
