from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.experiments.stress.stimuli import shout
from audioplane.speech.level import (
    CLIPPED_DB,
    FADE,
    LONGEST,
    MAX_GAIN_DB,
    PAUSE,
    TARGET_DB,
    RunningLevel,
    RunningMean,
    active_blocks,
    block_power,
    crest_factor,
    speech_gain,
    spoken_frames,
)

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


def test_short_pauses_belong_to_the_speech_and_long_silence_does_not() -> None:
    tone = np.sin(np.arange(6400) * 0.3).astype(np.float32) * 0.1  # 10 frames
    still = np.zeros(40 * 640, np.float32)
    sound = np.concatenate([tone, still[: 12 * 640], tone, still])
    spoken = spoken_frames(sound, 72)
    assert spoken[: 32 + PAUSE].all()
    assert not spoken[32 + PAUSE :].any()
    assert not spoken_frames(still, 40).any()


def _powers(sound: np.ndarray) -> list[float]:
    return block_power(sound).tolist()


def test_long_noise_is_not_taken_for_speech(babble: Babble) -> None:
    level = RunningLevel(0.005)
    for power in _powers(babble(6.0)):
        level.hear(power)
    gain = level.gain
    noise = np.random.default_rng(0).normal(0, 0.002, 16000 * 30).astype(np.float32)
    assert not any(level.hear(power) for power in _powers(noise)[50:])
    assert level.gain == pytest.approx(gain, rel=0.02)


def test_a_running_level_comes_to_that_of_the_whole(babble: Babble) -> None:
    speech = babble(20.0, level=0.02)
    level = RunningLevel(0.005)
    for power in _powers(speech):
        level.hear(power)
    assert level.gain == pytest.approx(speech_gain(speech), rel=0.1)


def test_a_mean_forgets_what_was_assumed_and_then_what_was_long_ago() -> None:
    mean = RunningMean(10.0)
    assert mean.value() == 10 and mean.value(3.0) == 10
    for _ in range(FADE):
        mean.add(1.0)
    assert mean.value() == pytest.approx(1) and mean.value(3.0) == pytest.approx(4)
    for _ in range(4 * LONGEST):
        mean.add(5.0)
    assert mean.value() == pytest.approx(5, abs=0.1)


def test_the_crest_factor_tells_what_is_clipped() -> None:
    sine = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
    crest = crest_factor(0.3 * sine)
    assert crest is not None
    np.testing.assert_allclose(crest, 10 * np.log10(2), atol=0.05)
    bursts = np.random.default_rng(0).laplace(size=16000).astype(np.float32) / 20
    whole, shouted = crest_factor(bursts), crest_factor(shout(bursts))
    assert whole is not None and shouted is not None
    assert shouted < CLIPPED_DB < whole
    np.testing.assert_allclose(crest_factor(np.pad(bursts, (8000, 8000))), whole, atol=0.1)
    assert crest_factor(np.zeros(16000, np.float32)) is None
