import tracemalloc

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from audioplane.experiments.stress.stimuli import music, noise, shout, silence
from audioplane.speech import Speech
from audioplane.speech.familiarity import STRANGE, Familiarity, describe, sound_warnings
from audioplane.synthetic import make_synthetic_sentence


def _voice(seconds: float, seed: int) -> np.ndarray:
    return make_synthetic_sentence(seconds, seed=seed).waveform


@pytest.fixture(scope="module")
def known() -> Familiarity:
    """Twelve seconds of the formant voice."""
    familiarity = Familiarity.learn(Speech(_voice(12.0, 1)))
    assert familiarity is not None
    return familiarity


def test_more_of_the_same_is_near_and_music_is_far(known):
    same = known.strangeness(Speech(_voice(5.0, 2)))
    strange = known.strangeness(Speech(music(4.0)))
    assert same is not None and 0.5 < same < 1.6
    assert strange is not None and strange > 2 * STRANGE


def test_memory_does_not_grow_with_the_sound(known):
    minute = np.tile(make_synthetic_sentence(6.0, seed=5).waveform, 10)

    def peak(minutes):
        tracemalloc.start()
        assert known.strangeness(Speech(lambda: [minute] * minutes)) < STRANGE
        megabytes = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        return megabytes

    assert peak(5) < peak(2) + 1


def test_steady_sounds_vary_less_than_speech(known):
    tone = np.sin(np.arange(48000) * 0.2).astype(np.float32)
    for sound in (noise(2.0), 0.01 * noise(6.0), 0.1 * tone):
        steady = Speech(sound)
        assert known.variety(steady) < 0.2 and known.strangeness(steady) > 2 * STRANGE
    speech = _voice(5.0, 2)
    assert 0.7 < known.variety(Speech(speech)) < 1.4
    assert 0.5 < known.variety(Speech(speech[:32000]))
    assert known.variety(Speech(speech[:16000])) is None  # too short to tell


def test_loudness_does_not_matter(known):
    speech = _voice(4.0, 3)
    faint, loud = known.strangeness(Speech(0.1 * speech)), known.strangeness(Speech(speech))
    assert faint == pytest.approx(loud, rel=0.05)


def test_silence_has_no_distance_and_no_statistics(known):
    assert known.strangeness(Speech(silence(2.0))) is None
    assert Familiarity.learn(Speech(silence(5.0))) is None
    assert Familiarity.learn(Speech(_voice(1.0, 1))) is None


def test_training_speech_that_repeats_itself_divides_nothing_by_zero():
    known = Familiarity.learn(Speech(np.tile(_voice(2.0, 1), 20)))
    assert known is not None and known.usual < 0.01
    strange = known.strangeness(Speech(_voice(5.0, 2)))
    assert strange is not None and np.isfinite(strange)


def test_pauses_do_not_count():
    speech = _voice(3.0, 4)
    counts = [
        sum(len(described) for described, _ in describe(Speech(sound)))
        for sound in (speech, np.concatenate([silence(4.0), speech, silence(4.0)]))
    ]
    assert abs(counts[0] - counts[1]) <= 4


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1.5])
def test_short_sounds_are_not_judged(known, seconds):
    """Half a second of the voice itself may be as far away as music, and peaks as little."""
    for sound in (_voice(4.0, 2), music(4.0), shout(_voice(4.0, 2))):
        short = Speech(sound[: round(16000 * seconds)])
        assert known.strangeness(short) is None and sound_warnings(short, known) == []


def test_narrow_band_speech_is_called_that_and_not_noise(known):
    band = butter(6, [300, 3400], "band", fs=16000, output="sos")
    telephone = Speech(sosfilt(band, _voice(4.0, 2)).astype(np.float32))
    (warning,) = sound_warnings(telephone, known, "call.wav")
    assert "call.wav is narrow-band" in warning and "telephone" in warning
    hold = Speech(sosfilt(band, music(4.0)).astype(np.float32))
    assert any("noise or music" in warning for warning in sound_warnings(hold, known))


def test_warnings_name_what_is_wrong_and_only_that(known):
    assert sound_warnings(Speech(_voice(4.0, 2)), known) == []
    (warning,) = sound_warnings(Speech(music(4.0)), known, "song.mp3")
    assert "song.mp3 is unlike the speech" in warning and "music" in warning
    (warning,) = sound_warnings(Speech(shout(_voice(4.0, 2))), known)
    assert "the sound is clipped" in warning
    assert sound_warnings(Speech(music(4.0)), None) == []
    assert sound_warnings(Speech(silence(4.0)), known) == []
