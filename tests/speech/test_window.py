import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioplane.speech.window import STEPS_BEFORE, WINDOW, frame_count, step_count, windows


@pytest.mark.parametrize(
    ("samples", "frames"), [(0, 1), (1, 1), (639, 1), (1279, 1), (1280, 2), (16000, 25)]
)
def test_frame_count(samples: int, frames: int) -> None:
    assert frame_count(samples) == frames


@given(st.integers(1, 60))
def test_window_of_a_frame_is_centred_on_its_middle(frames: int) -> None:
    # Each step holds the time of its own middle, in seconds.
    times = (np.arange(step_count(frames)) - STEPS_BEFORE + 0.5) * 0.02
    cut = windows(times[:, None])
    assert cut.shape == (frames, WINDOW, 1)
    middles = (np.arange(frames) + 0.5) / 25
    np.testing.assert_allclose(cut.mean(axis=(1, 2)), middles, atol=1e-12)
    np.testing.assert_allclose(np.ptp(cut[:, :, 0], axis=1), 0.3, atol=1e-12)
