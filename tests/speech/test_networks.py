from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from audioplane.errors import SpeechError
from audioplane.speech import networks
from audioplane.speech.networks import hubert_features, network_steps, wav2vec2_features
from tests.speech.tiny_networks import write_hubert, write_wav2vec2

Babble = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav2vec2(tmp_path_factory.mktemp("models") / "wav2vec2")


@pytest.fixture(scope="module")
def hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hubert(tmp_path_factory.mktemp("models") / "hubert")


def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a second with half a second to either side."""
    monkeypatch.setattr(networks, "CHUNK", 50)
    monkeypatch.setattr(networks, "CONTEXT", 25)


def local_network() -> tuple[networks.Network, list[int]]:
    """A network that sees 0.3 s around a step, and the lengths it was given."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv1d(1, 4, 400, stride=320), torch.nn.Conv1d(4, 3, 15, padding=7)
    )
    lengths: list[int] = []

    def listen(sound: torch.Tensor) -> torch.Tensor:
        lengths.append(sound.shape[1])
        return layers(sound[None]).transpose(1, 2)

    return listen, lengths


def test_chunks_leave_no_seam_and_do_not_grow(
    babble: Babble, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, lengths = local_network()
    speech = babble(7.0)
    whole = network_steps(speech, network)
    assert whole.shape == (350, 3) and len(lengths) == 1
    lengths.clear()
    small_chunks(monkeypatch)
    np.testing.assert_allclose(network_steps(speech, network), whole, atol=1e-5)
    assert len(lengths) == 7 and max(lengths) == 99 * 320 + 400


def test_transformers_in_chunks_agree_with_the_whole(
    babble: Babble, wav2vec2: Path, hubert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech = babble(8.0)
    spelt, heard = wav2vec2_features(speech, wav2vec2), hubert_features(speech, hubert)
    small_chunks(monkeypatch)
    np.testing.assert_allclose(wav2vec2_features(speech, wav2vec2), spelt, atol=1e-3)
    # Attention looks at everything it is given, and an untrained one at all of it alike: what a
    # chunk cannot see moves HuBERT's states, whose deviation is 1.
    assert np.abs(hubert_features(speech, hubert) - heard).mean() < 0.02


@pytest.mark.parametrize("samples", [0, 700, 16639])
def test_rows_are_as_many_as_frames(
    babble: Babble, wav2vec2: Path, hubert: Path, samples: int
) -> None:
    speech, frames = babble(2.0)[:samples], max(1, samples // 640)
    spelt, heard = wav2vec2_features(speech, wav2vec2), hubert_features(speech, hubert)
    assert spelt.shape == (frames, 16, 44) and heard.shape == (frames, 2, 16)
    assert spelt.dtype == heard.dtype == np.float32
    assert np.isfinite(spelt).all() and np.isfinite(heard).all()


def test_a_shift_of_one_frame_shifts_the_rows(babble: Babble, wav2vec2: Path, hubert: Path) -> None:
    speech = babble(8.0)
    for compute, model in ((wav2vec2_features, wav2vec2), (hubert_features, hubert)):
        late, early = compute(speech, model), compute(speech[640:], model)
        shifted = np.abs(late[11:-10] - early[10:-10]).mean()
        assert shifted < 0.03 * np.abs(late[11:-10] - late[10:-11]).mean()


def test_level_and_offset_do_not_matter(babble: Babble, wav2vec2: Path) -> None:
    speech = babble(1.0)
    plain = wav2vec2_features(speech, wav2vec2)
    np.testing.assert_allclose(wav2vec2_features(speech / 2 + 0.1, wav2vec2), plain, atol=1e-3)


def test_steps_are_what_transformers_says(babble: Babble, wav2vec2: Path) -> None:
    """The peers' way, by the library's own feature extractor, of a sound of whole steps."""
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    speech = babble(1.2)
    inputs = Wav2Vec2FeatureExtractor(do_normalize=True)(
        speech, sampling_rate=16000, return_tensors="pt"
    )
    with torch.no_grad():
        logits = Wav2Vec2ForCTC.from_pretrained(wav2vec2)(**inputs).logits[0].numpy()
    ours = wav2vec2_features(speech, wav2vec2)
    # Ours ends with 80 samples of silence, theirs one step before.
    np.testing.assert_allclose(ours[10], logits[12:28], atol=1e-3)


def test_another_model_is_refused(tmp_path: Path, wav2vec2: Path, babble: Babble) -> None:
    speech = babble(0.2)
    with pytest.raises(SpeechError, match="it lacks"):
        hubert_features(speech, wav2vec2)
    slow = write_wav2vec2(tmp_path / "slow", conv_stride=(5, 2, 2, 2, 2, 2, 1))
    with pytest.raises(SpeechError, match="another length"):
        wav2vec2_features(speech, slow)
    (slow / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(SpeechError, match="does not load as Wav2Vec2ForCTC"):
        wav2vec2_features(speech, slow)
