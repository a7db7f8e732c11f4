from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.speech.level import MAX_GAIN_DB, TARGET_DB, active_blocks, speech_gain

Babble = Callable[..., np.ndarray]


def test_speech_is_brought_to_the_target() -> None:
    steady = np.sin(np.arange(16000) * 0.3).astype(np.float32) * 0.02
    power = np.mean((steady * speech_gain(steady)) ** 2)
    np.testing.assert_allclose(10 * np.log10(power), TARGET_DB, atol=0.1)


@settings(deadline=None, max_examples=20)
@given(st.floats(-30, 10), st.integers(0, 40))
def test_gain_follows_level_and_ignores_silence(
    babble: Babble, decibels: float, silent_blocks: int
) -> None:
    speech = babble(1.0)
    factor = 10 ** (decibels / 20)
    padded = np.pad(speech, (640 * silent_blocks, 320 * silent_blocks)) * np.float32(factor)
    np.testing.assert_allclose(speech_gain(padded) * factor, speech_gain(speech), rtol=1e-3)


def test_silence_and_hiss_are_not_blown_up() -> None:
    assert speech_gain(np.zeros(16000, np.float32)) == 1.0
    assert speech_gain(np.zeros(3, np.float32)) == 1.0
    hiss = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 5e-4
    np.testing.assert_allclose(20 * np.log10(speech_gain(hiss)), MAX_GAIN_DB)


def test_pauses_are_told_from_speech() -> None:
    tone = np.sin(np.arange(3200) * 0.3).astype(np.float32) * 0.1
    hiss = np.random.default_rng(0).standard_normal(3200).astype(np.float32) * 1e-3
    sound = np.concatenate([hiss, tone, np.zeros(3200, np.float32), tone])
    np.testing.assert_array_equal(active_blocks(sound), np.repeat([False, True, False, True], 10))
    assert active_blocks(np.zeros(319, np.float32)).shape == (0,)
