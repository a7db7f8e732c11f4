import numpy as np
import pytest

from audioplane.preflight.sound import levels, measure_sound


def tone(seconds: float, level: float) -> np.ndarray:
    t = np.arange(round(16000 * seconds)) / 16000
    return (level * np.sin(2 * np.pi * 220 * t)).astype(np.float32)


def test_level_pauses_and_noise_are_measured():
    rng = np.random.default_rng(0)
    sound = np.concatenate([tone(3, 0.1), np.zeros(32000, np.float32)])
    sound += rng.normal(0, 1e-3, len(sound)).astype(np.float32)
    measured = measure_sound(sound)
    assert measured.seconds == 5.0
    assert measured.speech == pytest.approx(0.6, abs=0.02)
    assert measured.level == pytest.approx(-23.0, abs=0.2)
    assert measured.peak == pytest.approx(-20.0, abs=0.6)
    assert measured.above_noise == pytest.approx(37.0, abs=1.5)
    assert measured.clipped == 0


def test_clipping_is_counted():
    measured = measure_sound(np.clip(tone(2, 2.0), -1, 1))
    assert 0.5 < measured.clipped < 0.8


@pytest.mark.parametrize("n", [0, 100, 48000])
def test_silence_is_very_quiet(n):
    measured = measure_sound(np.zeros(n, np.float32))
    assert measured.level <= -90 and measured.peak <= -90
    assert measured.speech == 0


def test_levels_over_time():
    sound = np.concatenate([tone(1, 0.1), np.zeros(16000, np.float32)])
    found = levels(sound)
    assert len(found) == 20
    np.testing.assert_allclose(found[:9], -23.0, atol=0.3)
    assert (found[11:] <= -90).all()
