"""Whole sounds of every kind: shapes, types, values, chunks, memory."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import ModelError, SpeechError
from audioplane.speech import (
    DEFAULT_KIND,
    Speech,
    compute_features,
    feature_chunks,
    feature_kind,
    load_external_features,
    require_kind,
    save_features,
)
from tests.speech.tiny_deepspeech import write_deepspeech
from tests.speech.tiny_networks import write_hubert, write_wav2vec2

Babble = Callable[..., np.ndarray]


@pytest.mark.parametrize(("kind", "size"), [("mel", 80), ("phones", 40), ("mel+phones", 120)])
@pytest.mark.parametrize("samples", [0, 100, 700, 16000, 16639])
def test_shape_and_type(babble: Babble, kind: str, size: int, samples: int) -> None:
    features = compute_features(babble(2.0)[:samples], kind)
    assert features.shape == (max(1, samples // 640), 16, size) and feature_kind(kind).size == size
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
    other = compute_features(speech, "phones+mel")
    np.testing.assert_array_equal(other[:, :, :40], both[:, :, 80:])


def test_default_can_be_computed() -> None:
    assert feature_kind(DEFAULT_KIND).model is None and require_kind(DEFAULT_KIND) is None


def test_faults_of_a_waveform_are_named() -> None:
    with pytest.raises(SpeechError, match="nan at 0.000 s"):
        compute_features(np.full(640, np.nan, np.float32), "mel")
    with pytest.raises(SpeechError, match="divide 16-bit samples by 32768"):
        compute_features(np.full(640, 8000, np.float32), "phones")


def test_networks_are_kinds_too(babble: Babble, tmp_path: Path) -> None:
    speech = babble(1.0)
    spelling = write_deepspeech(tmp_path / "d.tflite")
    assert compute_features(speech, "deepspeech", spelling).shape == (25, 16, 29)
    network = write_wav2vec2(tmp_path / "w")
    features = compute_features(speech, "wav2vec2", network)
    assert features.shape == (25, 16, 44)
    np.testing.assert_array_equal(compute_features(speech, "eo", network), features)
    assert compute_features(speech, "hu", write_hubert(tmp_path / "h")).shape == (25, 2, 16)
    beside = compute_features(speech, "mel+wav2vec2", network)
    np.testing.assert_array_equal(beside[..., 80:], features)


def test_a_model_for_a_kind_that_needs_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="need no model: do not pass"):
        require_kind("mel", tmp_path)


@pytest.mark.parametrize(("kind", "library"), [("eo", "transformers"), ("deepspeech", "ai_edge")])
def test_a_missing_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, kind: str, library: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpeechError, match=rf'{library}.*pip install "audioplane\[speech\]"'):
        require_kind(kind)


@pytest.mark.parametrize("kind", ["mel+deepspeech", "hubert"])
def test_a_missing_network_is_named_with_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("AUDIOPLANE_ASSETS", str(tmp_path))
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = feature_kind(kind).model
    assert model is not None
    with pytest.raises(ModelError, match=model.url):
        feature_chunks(Speech(np.zeros(640, np.float32)), kind)


@pytest.mark.parametrize("kind", ["ds", "loudness", ""])
def test_what_cannot_be_computed_is_refused(babble: Babble, kind: str) -> None:
    with pytest.raises(SpeechError, match="mel, phones, ipa, mel\\+phones"):
        compute_features(babble(0.1), kind)


@pytest.mark.parametrize("kind", ["mel", "mel+ipa"])
def test_chunks_of_blocks_are_the_features_of_the_whole(babble: Babble, kind: str) -> None:
    waveform = babble(45.0)
    blocks = [waveform[i : i + 1024] for i in range(0, len(waveform), 1024)]
    chunks = [*feature_chunks(Speech(lambda: blocks), kind)]
    assert len(chunks) > 1 and chunks[0].flags.writeable
    np.testing.assert_allclose(np.concatenate(chunks), compute_features(waveform, kind), atol=1e-5)


@pytest.mark.parametrize(("kind", "minutes"), [("mel", 20), ("mel+ipa", 2)])
def test_memory_does_not_grow_with_the_sound(
    babble: Babble, monkeypatch: pytest.MonkeyPatch, kind: str, minutes: int
) -> None:
    """Of sounds too long for their mel bands to be kept, as those above a minute are."""
    monkeypatch.setattr("audioplane.speech.sound.KEPT", 30 * SAMPLE_RATE)

    def peak(minutes: int) -> float:
        def blocks() -> Iterator[np.ndarray]:
            for _ in range(minutes):
                yield from np.split(minute, 60)

        tracemalloc.start()
        frames = sum(len(chunk) for chunk in feature_chunks(Speech(blocks), kind))
        megabytes = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        assert frames == 1500 * minutes
        return megabytes

    minute = np.tile(babble(6.0), 10)
    compute_features(minute[:640], kind)  # loads what it needs
    assert peak(minutes) < peak(1) + 0.8 * minutes  # 50 MB an hour


@pytest.mark.parametrize("kind", ["mel", "mel+phones"])
def test_saved_features_are_the_computed_ones(babble: Babble, kind: str, tmp_path: Path) -> None:
    sound = babble(3.0)
    file, expected = tmp_path / "aud.npy", compute_features(sound, kind)
    assert save_features(file, sound, kind) == expected.shape
    assert np.array_equal(load_external_features(file), expected)
