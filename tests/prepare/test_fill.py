import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.prepare.fill import push_pull


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 70), st.integers(3, 70), st.integers(0, 10**6))
def test_known_pixels_stay_and_filled_ones_lie_between_them(height, width, seed):
    rng = np.random.default_rng(seed)
    image = rng.uniform(10, 20, (height, width, 3)).astype(np.float32)
    known = rng.random((height, width)) < 0.3
    known[0, 0] = True
    image[~known] = 1000

    filled = push_pull(image, known.astype(np.float32))

    np.testing.assert_allclose(filled[known], image[known], rtol=1e-5)
    assert filled.min() > 9.9
    assert filled.max() < 20.1


def test_a_hole_in_a_slope_is_continued():
    image = np.tile(np.linspace(0, 100, 64, dtype=np.float32)[None, :, None], (64, 1, 3))
    known = np.ones((64, 64), np.float32)
    known[24:40, 24:40] = 0
    assert np.abs(push_pull(image * known[..., None], known) - image).max() < 12


def test_nothing_known_gives_nothing():
    assert not push_pull(np.ones((16, 16, 3), np.float32), np.zeros((16, 16), np.float32)).any()
