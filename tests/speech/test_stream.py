"""Features of a sound in pieces are those of the whole, given what both know of the voice."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.errors import SpeechError
from audioplane.speech import phones
from audioplane.speech.mel import mel_features, mel_steps
from audioplane.speech.phones import phone_features
from audioplane.speech.stream import SpeechStream, learn_voice, open_stream
from audioplane.speech.window import windows

Babble = Callable[..., np.ndarray]


def _run(stream: SpeechStream, sound: np.ndarray, size: int) -> np.ndarray:
    """All windows; each of them was there when its look-ahead was heard."""
    given, count = [], 0
    for first in range(0, len(sound), size):
        given.append(stream.push(sound[first : first + size]))
        count += len(given[-1])
        assert count >= (min(first + size, len(sound)) - stream.look_ahead) // 640
    given.append(stream.finish())
    return np.concatenate(given)


@settings(deadline=None, max_examples=8)
@given(size=st.integers(50, 5000), samples=st.integers(1, 24000))
def test_mel_is_that_of_the_whole_given_the_same_means(
    babble: Babble, size: int, samples: int
) -> None:
    voice, sound = learn_voice(babble(3.0, 1), "mel"), babble(1.5)[:samples]
    streamed = _run(open_stream("mel", voice, follow=False), sound, size)
    np.testing.assert_allclose(streamed, windows(mel_steps(sound, voice)), atol=1e-3)


def test_means_of_the_whole_recording_are_those_that_are_learnt(babble: Babble) -> None:
    speech = babble(4.0)
    known = windows(mel_steps(speech, learn_voice(speech, "mel")))
    np.testing.assert_allclose(known, mel_features(speech), atol=1e-3)


@pytest.mark.parametrize("level", [0.003, 0.3])
def test_running_means_find_the_speaker(babble: Babble, level: float) -> None:
    speech = babble(14.0, level=level)
    voice = learn_voice(babble(4.0, 5, level=0.1), "mel")
    off = _run(open_stream("mel", voice), speech, 640) - mel_features(speech)
    unit = np.sqrt((off[-100:] ** 2).mean())
    assert unit < 0.2 and unit < 0.7 * np.sqrt((off[:50] ** 2).mean())


def test_phones_agree_with_a_decoding_of_the_whole(babble: Babble) -> None:
    speech = babble(5.0)
    voice = learn_voice(speech, "phones")
    assert voice.cepstra
    streamed = _run(open_stream("phones", voice), speech, 700)
    whole = phone_features(speech)
    assert streamed.shape == whole.shape
    # Nine in ten on speech (docs/decisions/serve.md); on noises no two decodings agree well.
    assert (streamed[:, 7].argmax(1) == whole[:, 7].argmax(1)).mean() > 0.4


def test_an_utterance_ends_without_a_gap(babble: Babble, monkeypatch: pytest.MonkeyPatch) -> None:
    speech = babble(4.0)
    one = _run(open_stream("phones"), speech, 640)
    monkeypatch.setattr(phones, "PIECE", 12800)
    monkeypatch.setattr(phones, "OVERLAP", 6400)
    pieces = _run(open_stream("phones"), speech, 640)
    assert pieces.shape == one.shape
    assert (pieces[:, 7].argmax(1) == one[:, 7].argmax(1)).mean() > 0.6


def test_both_side_by_side(babble: Babble) -> None:
    speech = babble(1.0)
    both = _run(open_stream("mel+phones"), speech, 500)
    np.testing.assert_array_equal(both[..., :80], _run(open_stream("mel"), speech, 500))
    np.testing.assert_array_equal(both[..., 80:], _run(open_stream("phones"), speech, 500))


@pytest.mark.parametrize("kind", ["hubert", "wav2vec2", "deepspeech", "ds"])
def test_a_kind_that_cannot_says_so(kind: str) -> None:
    with pytest.raises(SpeechError, match=f"'{kind}'.*while somebody speaks"):
        open_stream(kind)


def test_samples_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(SpeechError, match="not numbers"):
        open_stream("mel").push(np.full(10, np.nan, np.float32))


def test_silence_teaches_nothing() -> None:
    voice = learn_voice(np.zeros(16000, np.float32), "mel+phones")
    features = _run(open_stream("mel+phones", voice), np.zeros(16000, np.float32), 640)
    assert np.isfinite(features).all() and np.ptp(features[..., :80]) == 0
