from collections.abc import Callable

import numpy as np
import pytest

from audioplane.errors import SpeechError
from audioplane.speech import Speech
from audioplane.speech.level import (
    FADE,
    LONGEST,
    RunningLevel,
    RunningMean,
    block_power,
    check_samples,
)

Babble = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([0.0, np.nan, 0.5], r"holds nan at 1\.000 s.*finite"),
        ([0.0, 0.5, -np.inf], r"holds -inf at 1\.000 s.*finite"),
        ([0.0, -20000.0, 9.0], r"holds -20000 at 1\.000 s.*\[-1, 1\].*32768"),
        ([[0.0, 0.0]], r"shape \(1, 2\).*average its channels"),
    ],
)
def test_what_no_waveform_holds_is_refused_with_its_place(samples: list, message: str) -> None:
    sound = np.array(samples, np.float32)
    first = 16000 - (2 if np.isneginf(sound).any() else 1)
    with pytest.raises(SpeechError, match=message):
        check_samples(sound, first)


@pytest.mark.parametrize("kind", [complex, object, "U1", np.longdouble])
def test_what_is_no_number_is_refused(kind: type | str) -> None:
    if np.dtype(kind) == np.float64:
        pytest.skip("long doubles are doubles here")
    with pytest.raises(SpeechError, match="expected numbers"):
        check_samples(np.zeros(3).astype(kind))


def test_what_a_waveform_may_hold_passes() -> None:
    check_samples(np.zeros(0, np.float32))
    check_samples(np.array([1.4, -2.0], np.float32))


def _powers(sound: np.ndarray) -> list[float]:
    return block_power(sound).tolist()


def test_long_noise_is_not_taken_for_speech(babble: Babble) -> None:
    level = RunningLevel(0.005)
    for power in _powers(babble(6.0)):
        level.update(power)
    gain = level.gain
    noise = np.random.default_rng(0).normal(0, 0.002, 16000 * 30).astype(np.float32)
    assert not any(level.update(power) for power in _powers(noise)[50:])
    assert level.gain == pytest.approx(gain, rel=0.02)


def test_a_running_level_comes_to_that_of_the_whole(babble: Babble) -> None:
    speech = babble(20.0, level=0.02)
    level = RunningLevel(0.005)
    for power in _powers(speech):
        level.update(power)
    assert level.gain == pytest.approx(Speech(speech).gain, rel=0.1)


def test_a_mean_moves_from_the_assumed_to_recent_values() -> None:
    mean = RunningMean(10.0)
    assert mean.value() == 10 and mean.value(3.0) == 10
    for _ in range(FADE):
        mean.add(1.0)
    assert mean.value() == pytest.approx(1) and mean.value(3.0) == pytest.approx(4)
    for _ in range(4 * LONGEST):
        mean.add(5.0)
    assert mean.value() == pytest.approx(5, abs=0.1)
