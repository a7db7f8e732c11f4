from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import SpeechError
from audioplane.speech import DEFAULT_KIND, KINDS, can_compute, compute_features, require_kind
from tests.speech.tiny_deepspeech import write_deepspeech
from tests.speech.tiny_networks import write_hubert, write_wav2vec2

Babble = Callable[..., np.ndarray]


@pytest.mark.parametrize(("kind", "size"), [("mel", 80), ("phones", 40), ("mel+phones", 120)])
@pytest.mark.parametrize("samples", [0, 100, 700, 16000, 16639])
def test_shape_and_type(babble: Babble, kind: str, size: int, samples: int) -> None:
    features = compute_features(babble(2.0)[:samples], kind)
    assert features.shape == (max(1, samples // 640), 16, size) and KINDS[kind].size == size
    assert features.dtype == np.float32 and features.flags.writeable
    assert np.isfinite(features).all()


@pytest.mark.parametrize("kind", ["mel", "phones", "mel+phones"])
def test_values_are_about_standardised(babble: Babble, kind: str) -> None:
    features = compute_features(babble(3.0), kind)
    assert abs(features.mean()) < 0.7 and 0.6 < features.std() < 1.5


def test_both_are_side_by_side(babble: Babble) -> None:
    speech = babble(1.0)
    both = compute_features(speech, "mel+phones")
    np.testing.assert_array_equal(both[:, :, :80], compute_features(speech, "mel"))
    np.testing.assert_array_equal(both[:, :, 80:], compute_features(speech, "phones"))


def test_default_can_be_computed() -> None:
    assert DEFAULT_KIND in KINDS and KINDS[DEFAULT_KIND].model is None
    assert require_kind(DEFAULT_KIND) is None


@pytest.mark.parametrize("kind", ["ds", ""])
def test_an_unknown_kind_is_refused(babble: Babble, kind: str) -> None:
    with pytest.raises(SpeechError, match="mel, phones, mel\\+phones"):
        compute_features(babble(0.1), kind)


def test_samples_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(SpeechError, match="not numbers"):
        compute_features(np.full(640, np.nan, np.float32), "mel")


def test_networks_are_kinds_too(babble: Babble, tmp_path: Path) -> None:
    speech = babble(1.0)
    spelling = write_deepspeech(tmp_path / "d.tflite")
    assert compute_features(speech, "deepspeech", spelling).shape == (25, 16, 29)
    listening = write_wav2vec2(tmp_path / "w")
    features = compute_features(speech, "wav2vec2", listening)
    assert features.shape == (25, 16, 44)
    np.testing.assert_array_equal(compute_features(speech, "eo", listening), features)
    assert compute_features(speech, "hu", write_hubert(tmp_path / "h")).shape == (25, 2, 16)


def test_peers_names_are_known_but_their_deepspeech_is_another() -> None:
    assert can_compute("eo") and can_compute("hu") and not can_compute("ds")


def test_a_model_for_a_kind_that_needs_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="need no model"):
        require_kind("mel", tmp_path)
