import numpy as np
import pytest

from audioplane.experiments.stress.stimuli import music, noise, silence
from audioplane.speech.familiarity import STRANGE, Familiarity, describe
from audioplane.synthetic import make_synthetic_sentence


@pytest.fixture(scope="module")
def known() -> Familiarity:
    """Twelve seconds of the formant voice."""
    familiarity = Familiarity.learn(make_synthetic_sentence(12.0, seed=1).waveform)
    assert familiarity is not None
    return familiarity


def test_more_of_the_same_is_near_and_music_is_far(known):
    same = known.strangeness(make_synthetic_sentence(5.0, seed=2).waveform)
    strange = known.strangeness(music(4.0))
    assert same is not None and 0.5 < same < 1.6
    assert strange is not None and strange > 2 * STRANGE


def test_steady_sounds_vary_less_than_speech(known):
    tone = np.sin(np.arange(48000) * 0.2).astype(np.float32)
    for steady in (noise(2.0), 0.01 * noise(6.0), 0.1 * tone):
        assert known.variety(steady) < 0.2 and known.strangeness(steady) > 2 * STRANGE
    speech = make_synthetic_sentence(5.0, seed=2).waveform
    assert 0.7 < known.variety(speech) < 1.4
    assert 0.5 < known.variety(speech[:32000])
    assert known.variety(speech[:16000]) is None  # too short to tell


def test_loudness_does_not_matter(known):
    speech = make_synthetic_sentence(4.0, seed=3).waveform
    assert known.strangeness(0.1 * speech) == pytest.approx(known.strangeness(speech), rel=0.05)


def test_silence_has_no_distance_and_teaches_nothing(known):
    assert known.strangeness(silence(2.0)) is None
    assert Familiarity.learn(silence(5.0)) is None
    assert Familiarity.learn(make_synthetic_sentence(1.0, seed=1).waveform) is None


def test_pauses_do_not_count():
    speech = make_synthetic_sentence(3.0, seed=4).waveform
    padded = np.concatenate([silence(4.0), speech, silence(4.0)])
    assert abs(len(describe(padded)) - len(describe(speech))) <= 4
