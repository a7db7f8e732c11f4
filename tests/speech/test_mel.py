from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from audioplane.speech import compute_features, sound
from audioplane.speech.bands import mel_filters

Babble = Callable[..., np.ndarray]


def mel_features(waveform: np.ndarray) -> np.ndarray:
    return compute_features(waveform, "mel")


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_a_tone_has_its_power_in_its_own_band(hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(16000) / 16000).astype(np.float32) * 0.3
    band = mel_features(tone)[12, 8].argmax()
    centre = (mel_filters()[band] * np.arange(513)).sum() / mel_filters()[band].sum() * 15.625
    assert abs(centre - hertz) < 0.06 * hertz


def test_a_click_is_loudest_in_the_middle_of_its_frame_window() -> None:
    sound = np.zeros(16000, np.float32)
    sound[640 * 10 + 320] = 0.9  # the middle of frame 10
    loudness = mel_features(sound)[10].mean(1)
    np.testing.assert_allclose(loudness[7], loudness[8], atol=0.05)
    assert loudness[7] > loudness[5] and loudness[8] > loudness[10]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 12), st.integers(0, 3))
def test_a_shift_of_whole_frames_shifts_the_rows(babble: Babble, frames: int, seed: int) -> None:
    speech = babble(1.0, seed)
    late = mel_features(np.pad(speech, (640 * frames, 0)))
    # Rows whose window ends inside the sound: past its end both see silence.
    np.testing.assert_allclose(late[frames:], mel_features(speech), atol=2e-3)


def test_level_does_not_matter(babble: Babble) -> None:
    speech = babble(2.0)
    np.testing.assert_allclose(mel_features(speech * 0.1), mel_features(speech), atol=2e-3)


def test_the_microphone_matters_little(babble: Babble) -> None:
    speech = babble(8.0)
    dull = lfilter([0.6], [1, -0.4], speech).astype(np.float32)
    before, after = mel_features(speech), mel_features(dull)
    spoken = (before > before.min()) & (after > after.min())
    change = (after - before)[spoken]
    # By itself the filter moves the bands apart by 0.2 (standard deviation) in these units.
    assert abs(change.mean()) < 0.08 and change.std() < 0.08


def test_a_short_sound_is_not_taken_for_the_speaker(babble: Babble) -> None:
    # A tenth of a second of one vowel must not be flattened to the mean of all speech.
    tone = np.sin(2 * np.pi * 500 * np.arange(1600) / 16000).astype(np.float32) * 0.2
    features = mel_features(tone)[0]
    assert features[6:8].max() - features[6:8].min() > 2


def test_silence_is_constant_and_finite() -> None:
    features = mel_features(np.zeros(16000, np.float32))
    assert np.isfinite(features).all() and np.ptp(features) == 0
    assert -3 < features.mean() < 0
    np.testing.assert_array_equal(mel_features(np.zeros(0, np.float32)), features[:1])


def test_chunks_leave_no_seam(babble: Babble, monkeypatch: pytest.MonkeyPatch) -> None:
    speech = babble(2.0)
    whole = mel_features(speech)
    monkeypatch.setattr(sound, "CHUNK", 7)
    np.testing.assert_allclose(mel_features(speech), whole, atol=1e-5)
