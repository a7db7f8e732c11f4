import numpy as np
import pytest

from audioplane.evaluate.scores.sound import sound_level, sound_sync

RNG = np.random.default_rng(0)
FOUND = np.ones(100, bool)


def tone(hertz: float, loudness: np.ndarray) -> np.ndarray:
    t = np.arange(640 * len(loudness)) / 16000
    return np.repeat(loudness, 640) * np.sin(2 * np.pi * hertz * t)


def test_only_the_band_of_vowels_counts():
    loud = np.array([1.0, 0.5, 0.0])
    inside = sound_level(tone(1000, loud), 3)
    assert inside[1] == pytest.approx(inside[0] / 2, rel=0.01) and inside[2] == 0
    for hertz in (150, 5000):
        assert sound_level(tone(hertz, loud), 3)[0] < 0.02 * inside[0]


def test_past_the_end_is_silence():
    level = sound_level(tone(1000, np.ones(2)), 4)
    assert level[1] > 0 and (level[2:] == 0).all()


@pytest.mark.parametrize("late", [-2, 0, 3])
def test_the_lag_is_found(late):
    level = RNG.uniform(0, 1, 100)
    sync = sound_sync(np.roll(level, late), level, FOUND)
    assert sync is not None and sync.lag == late and sync.correlation > 0.99


def test_the_lag_is_found_between_frames_without_a_mouth():
    level, found = RNG.uniform(0, 1, 100), np.arange(100) % 7 > 0
    sync = sound_sync(np.where(found, np.roll(level, 3), 0.0), level, found)
    assert sync is not None and sync.lag == 3 and sync.correlation > 0.99


def test_constant_mouths_and_sounds_have_no_score():
    level = RNG.uniform(0, 1, 100)
    assert sound_sync(np.full(100, 0.1), level, FOUND) is None
    assert sound_sync(level, np.zeros(100), FOUND) is None
    assert sound_sync(level, level, np.arange(100) < 5) is None
