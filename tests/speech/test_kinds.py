"""The registry of feature kinds."""

import numpy as np
import pytest

from audioplane.errors import SpeechError
from audioplane.speech import (
    FeatureKind,
    Speech,
    StepStream,
    StreamStatistics,
    can_compute,
    can_stream,
    centred_windows,
    combine,
    compute_features,
    feature_kind,
    kind_names,
    kinds,
    open_stream,
    register,
)
from audioplane.speech.kinds import feature_files, kinds_in
from audioplane.speech.window import STEP, STEPS_BEFORE


def loudness(speech: Speech) -> np.ndarray:
    return centred_windows(np.log10(speech.power + 1e-7)[:, None], speech.frames, silence=-7.0)


class LoudnessStream(StepStream):
    look_ahead = 7 * STEP

    def __init__(self, statistics: StreamStatistics):
        self._sound = np.zeros(STEPS_BEFORE * STEP, np.float32)

    def push(self, sound: np.ndarray) -> np.ndarray:
        self._sound = np.concatenate([self._sound, sound])
        count = len(self._sound) // STEP
        blocks, self._sound = np.split(self._sound, [count * STEP])
        return np.log10(Speech(blocks).power + 1e-7)[:, None].astype(np.float32)

    def predict(self) -> np.ndarray:
        return np.zeros((0, 1), np.float32)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> FeatureKind:
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds._KINDS))
    kind = FeatureKind("loudness", loudness, 1, stream=LoudnessStream, aliases=("db",))
    return register(kind)


def test_a_kind_that_is_added_is_one_of_all(babble, added: FeatureKind) -> None:
    speech = babble(2.0)
    assert kind_names()[-1] == "loudness" and can_compute("db") and can_stream("loudness")
    features = compute_features(speech, "loudness")
    assert features.shape == (50, 16, 1) and features.dtype == np.float32
    assert (features[0, :7] == -7).all() and (features[-1, -7:] == -7).all()
    stream = open_stream("loudness")
    streamed = np.concatenate([stream.push(speech[:9000]), stream.push(speech[9000:])])
    np.testing.assert_allclose(streamed, features[: len(streamed)], atol=1e-5)
    assert len(streamed) == 50 - 4


def test_it_can_be_combined_with_others_at_once(babble, added: FeatureKind) -> None:
    speech = babble(1.0)
    both = compute_features(speech, "mel+loudness")
    np.testing.assert_array_equal(both[..., :80], compute_features(speech, "mel"))
    np.testing.assert_array_equal(both[..., 80:], compute_features(speech, "loudness"))
    assert feature_kind("mel+loudness").size == 81 and can_stream("mel+phones+loudness")
    assert open_stream("mel+loudness").look_ahead == 2400


@pytest.mark.parametrize("name", ["loudness", "db", "eo", "mel+phones"])
def test_a_name_is_given_once(added: FeatureKind, name: str) -> None:
    with pytest.raises(SpeechError, match="already|cannot be named"):
        register(FeatureKind(name, loudness, 1))


@pytest.mark.parametrize("name", ["Loudness", "a/b", "a+b", ""])
def test_a_name_fits_in_a_file_name(name: str) -> None:
    with pytest.raises(SpeechError, match="cannot be named"):
        register(FeatureKind(name, loudness, 1))


def test_what_does_not_fit_together_is_not_combined() -> None:
    with pytest.raises(SpeechError, match=r"windows differ \(mel 16, hubert 2 steps\)"):
        feature_kind("mel+hubert")
    with pytest.raises(SpeechError, match="more than one of them needs a model"):
        combine(feature_kind("deepspeech"), feature_kind("wav2vec2"))


@pytest.mark.parametrize(
    ("computed", "message"),
    [
        (np.zeros((25, 16, 2), np.float32), r"shape \(25, 16, 2\), expected \[frames, 16, 1\]"),
        (np.zeros((24, 16, 1), np.float32), "24 frames, the sound has 25"),
        (np.zeros((26, 16, 1), np.float32), "26 frames, the sound has 25"),
        (None, "a NoneType, expected an array"),
    ],
)
def test_a_kind_that_computes_other_sizes_than_it_says_is_named(
    added: FeatureKind, computed: np.ndarray | None, message: str
) -> None:
    register(FeatureKind("wrong", lambda speech: computed, 1))
    for kind in ("wrong", "mel+wrong"):
        with pytest.raises(SpeechError, match=f"'wrong' computed.*{message}"):
            compute_features(np.zeros(16000, np.float32), kind)


def test_names_of_prior_work_are_known_but_their_deepspeech_is_another() -> None:
    assert can_compute("eo") and can_compute("hu") and not can_compute("ds")
    assert not can_compute("unknown")


def test_files_of_a_kind_are_those_of_its_names() -> None:
    assert feature_files("mel+phones") == ("aud_mel+phones.npy",)
    assert feature_files("wav2vec2") == ("aud_wav2vec2.npy", "aud_eo.npy")
    assert feature_files("eo") == ("aud_eo.npy", "aud_wav2vec2.npy")
    assert feature_files("ds") == ("aud_ds.npy", "aud.npy")
    assert feature_files("mine") == ("aud_mine.npy",)
    assert kinds_in(["aud.npy", "aud_eo.npy", "aud_mine.npy", "aud.wav"]) == ["ds", "eo", "mine"]
