import numpy as np
import pytest

from audioplane.subject import Label
from audioplane.subject.torso import over, torso_below_head


def test_the_torso_is_kept_and_continues_under_the_head():
    labels = np.full((40, 10), Label.BACKGROUND, np.uint8)
    labels[5:20, 2:8] = Label.HEAD
    labels[20:25, 3:7] = Label.NECK
    labels[25:, 1:9] = Label.TORSO
    image = np.full((40, 10, 3), 250, np.uint8)
    image[20:22, 3:7] = (9, 9, 9)  # a rim of the head's colour
    image[22:25, 3:7] = (200, 150, 100)
    image[25:, 1:9] = (10, 20, 30)
    torso = torso_below_head(image, labels)
    np.testing.assert_array_equal(torso[..., 3] == 255, expected_alpha(labels))
    assert (torso[16:23, 4, :3] == (200, 150, 100)).all()
    assert (torso[30, 4, :3] == (10, 20, 30)).all()
    assert not torso[torso[..., 3] == 0].any()


def expected_alpha(labels: np.ndarray) -> np.ndarray:
    body = (labels == Label.NECK) | (labels == Label.TORSO)
    body[16:20, 3:7] = True  # a tenth of the image's height
    return body


def test_a_frame_without_a_torso_has_none():
    labels = np.full((8, 8), Label.HEAD, np.uint8)
    assert not torso_below_head(np.full((8, 8, 3), 99, np.uint8), labels).any()


def test_a_torso_lies_over_its_background():
    rng = np.random.default_rng(0)
    torso = rng.integers(0, 256, (30, 40, 4), dtype=np.uint8)
    background = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    alpha = torso[..., 3:] / 255
    expected = torso[..., :3] * alpha + background * (1 - alpha)
    assert np.abs(over(torso, background) - expected).max() <= 0.5
    with pytest.raises(ValueError, match="over a background"):
        over(torso, background[1:])
