"""Features of a sound in pieces equal those of the whole, given the same statistics."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.errors import SpeechError
from audioplane.speech import (
    Speech,
    SpeechStream,
    can_stream,
    compute_features,
    open_stream,
    phones,
    stream_statistics,
)
from audioplane.speech.mel import normalised
from audioplane.speech.step_stream import StreamStatistics
from audioplane.speech.window import window_chunks

Babble = Callable[..., np.ndarray]


def _run(stream: SpeechStream, sound: np.ndarray, size: int) -> np.ndarray:
    """All windows; each of them was there when its look-ahead had arrived."""
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
    sound = babble(1.5)[:samples]
    whole = Speech(sound)
    statistics = stream_statistics(whole, "mel")
    with pytest.MonkeyPatch.context() as patch:  # the means stay what they were
        patch.setattr("audioplane.speech.level.RunningLevel.update", lambda self, power: False)
        streamed = _run(open_stream("mel", statistics), sound, size)
    if whole.level is None:
        means = StreamStatistics().bands
        expected = window_chunks(normalised(p, means) for p in whole.band_powers())
        np.testing.assert_allclose(streamed, np.concatenate([*expected]), atol=1e-3)
    else:
        np.testing.assert_allclose(streamed, compute_features(whole, "mel"), atol=1e-3)


@pytest.mark.parametrize("level", [0.003, 0.3])
def test_running_means_find_the_speaker(babble: Babble, level: float) -> None:
    speech = babble(14.0, level=level)
    other = stream_statistics(Speech(babble(4.0, 5, level=0.1)), "mel")
    off = _run(open_stream("mel", other), speech, 640) - compute_features(speech, "mel")
    unit = np.sqrt((off[-100:] ** 2).mean())
    assert unit < 0.2 and unit < 0.7 * np.sqrt((off[:50] ** 2).mean())


def test_phones_agree_with_a_decoding_of_the_whole(babble: Babble) -> None:
    speech = babble(5.0)
    statistics = stream_statistics(Speech(speech), "phones")
    assert statistics.own["phones"]
    streamed = _run(open_stream("phones", statistics), speech, 700)
    whole = compute_features(speech, "phones")
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


@pytest.mark.parametrize("kind", ["hubert", "wav2vec2", "deepspeech", "ds", "deepspeech+mel"])
def test_a_kind_that_cannot_says_so(kind: str) -> None:
    assert not can_stream(kind) and can_stream("phones+mel")
    with pytest.raises(
        SpeechError, match=re.escape(f"'{kind}'") + ".*cannot be streamed.*mel, phones"
    ):
        open_stream(kind)


def test_samples_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(SpeechError, match=r"nan at 0\.000 s"):
        open_stream("mel").push(np.full(10, np.nan, np.float32))


def test_a_finished_stream_takes_nothing_more() -> None:
    stream = open_stream("mel")
    with pytest.raises(SpeechError, match="before the first sound"):
        stream.predict(2)
    stream.push(np.zeros(1000, np.float32))
    assert len(stream.finish()) == 1 and len(stream.finish()) == 0
    with pytest.raises(SpeechError, match="this stream is finished: open another"):
        stream.push(np.zeros(640, np.float32))


def test_silence_changes_no_statistics() -> None:
    statistics = stream_statistics(Speech(np.zeros(16000, np.float32)), "mel+phones")
    features = _run(open_stream("mel+phones", statistics), np.zeros(16000, np.float32), 640)
    assert np.isfinite(features).all() and np.ptp(features[..., :80]) == 0


def test_a_prediction_goes_up_to_what_came_and_keeps_nothing(babble: Babble) -> None:
    speech = babble(2.0)
    stream, undisturbed = open_stream("mel+phones"), open_stream("mel+phones")
    settled = np.concatenate([stream.push(speech[:20000]), stream.push(speech[20000:24000])])
    predicted = stream.predict(10)
    assert predicted.shape == (10, 16, 120)
    after = stream.push(speech[24000:])
    np.testing.assert_array_equal(
        np.concatenate([settled, after]),
        np.concatenate(
            [undisturbed.push(s) for s in (speech[:20000], speech[20000:24000], speech[24000:])]
        ),
    )
    # Steps of mel that came are settled: they are in the prediction as they are.
    np.testing.assert_array_equal(predicted[0, :8, :80], after[0, :8, :80])
