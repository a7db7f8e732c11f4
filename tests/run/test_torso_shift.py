import cv2
import numpy as np
import pytest

from audioplane.run.torso_shift import mixed, shifted

TORSOS = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 4), dtype=np.uint8)
NOWHERE = np.eye(2, 3)


def test_colours_are_moved_times_their_alpha():
    matrix = np.array([[1.0, 0.01, 2.3], [-0.01, 1, -1.2]])
    weighted = TORSOS[0].astype(np.float32)
    weighted[..., :3] *= weighted[..., 3:] / 255
    border = cv2.BORDER_REPLICATE
    expected = cv2.warpAffine(weighted, matrix, (30, 20), flags=1, borderMode=border)
    np.testing.assert_allclose(shifted(TORSOS[0], matrix), expected, atol=1e-3)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_mixed_torsos_are_the_mean_of_what_they_show(weight):
    one, other = (shifted(torso, NOWHERE) for torso in TORSOS)
    shown = (1 - weight) * one + weight * other
    made = mixed(one, other, weight).astype(np.float64)
    assert np.abs(made[..., 3] - shown[..., 3]).max() <= 0.501
    over_black = made[..., :3] * made[..., 3:] / 255
    assert np.abs(over_black - shown[..., :3]).max() <= 1.01
    if weight == 0:
        opaque = TORSOS[0, ..., 3] > 0
        assert np.abs(made[opaque] - TORSOS[0][opaque]).max() <= 1


def test_torsos_of_different_sizes_are_refused():
    one = shifted(TORSOS[0], NOWHERE)
    with pytest.raises(ValueError, match="cannot be mixed"):
        mixed(one, one[1:], 0.5)
