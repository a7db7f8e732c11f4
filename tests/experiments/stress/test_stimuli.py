import numpy as np
import pytest

from audioplane.experiments.stress import stimuli


@pytest.mark.parametrize(
    "make", [stimuli.silence, stimuli.noise, stimuli.room, stimuli.breath, stimuli.music]
)
def test_sounds_have_their_length_and_are_the_same_every_time(make):
    sound = make(1.3)
    assert sound.shape == (20_800,) and sound.dtype == np.float32
    assert np.array_equal(sound, make(1.3)) and np.abs(sound).max() <= 1


def test_shouting_is_clipped():
    speech = (0.2 * np.sin(np.arange(1600) / 10)).astype(np.float32)
    loud = stimuli.shout(speech)
    assert np.abs(loud).max() == 1 and (np.abs(loud) == 1).mean() > 0.5
    assert np.array_equal(np.sign(loud), np.sign(speech))
