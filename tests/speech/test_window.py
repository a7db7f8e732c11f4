import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioplane.speech.window import (
    STEPS_BEFORE,
    WINDOW,
    centred_windows,
    frame_count,
    prior_window_chunks,
    step_count,
    window_chunks,
    windows,
)


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


@given(st.integers(1, 30), st.lists(st.integers(0, 20), max_size=6))
def test_chunks_of_any_lengths_give_the_same_windows(frames: int, cuts: list[int]) -> None:
    steps = np.arange(2.0 * step_count(frames)).reshape(-1, 2)
    chunks = np.split(steps, np.minimum(np.cumsum(cuts), len(steps)))
    np.testing.assert_array_equal(np.concatenate([*window_chunks(chunks)]), windows(steps))


def test_steps_of_the_sound_alone_are_surrounded_by_silence() -> None:
    steps = np.arange(1.0, 8).reshape(-1, 1)  # one more than three frames have
    cut = centred_windows(steps, 3, silence=-1.0)
    times = np.arange(step_count(3)) - STEPS_BEFORE
    np.testing.assert_array_equal(
        cut, windows(np.where((times < 0) | (times > 5), -1.0, times + 1)[:, None])
    )
    assert (centred_windows(steps[:0], 1) == np.zeros((1, WINDOW, 1))).all()


def test_windows_of_prior_work_begin_a_step_earlier_and_end_in_zeros() -> None:
    steps = np.arange(1.0, 81).reshape(-1, 1)
    cut = np.concatenate([*prior_window_chunks([steps[:30], steps[30:]])])
    assert cut.shape == (40, WINDOW, 1)
    np.testing.assert_array_equal(cut[20], steps[32:48])
    assert not cut[0, :8].any() and not cut[-1, -6:].any() and cut[-1, :-6].all()
