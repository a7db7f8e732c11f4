from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from audioplane.errors import SpeechError
from audioplane.speech import Speech, compute_features, networks, require_kind
from tests.speech.tiny_networks import write_hubert, write_wav2vec2

Babble = Callable[..., np.ndarray]


def wav2vec2_features(waveform: np.ndarray, model: Path) -> np.ndarray:
    return compute_features(waveform, "wav2vec2", model)


def hubert_features(waveform: np.ndarray, model: Path) -> np.ndarray:
    return compute_features(waveform, "hubert", model)


def network_steps(waveform: np.ndarray, network: networks.Network) -> np.ndarray:
    return np.concatenate([*networks.network_steps(Speech(waveform), network)])


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
    """A network with 0.3 s of context around a step, and the lengths of its inputs."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv1d(1, 4, 400, stride=320), torch.nn.Conv1d(4, 3, 15, padding=7)
    )
    lengths: list[int] = []

    @torch.no_grad()
    def run(sound: np.ndarray) -> np.ndarray:
        lengths.append(len(sound))
        return layers(torch.from_numpy(sound)[None])[:].T.numpy()

    return run, lengths


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
    spelt, units = wav2vec2_features(speech, wav2vec2), hubert_features(speech, hubert)
    small_chunks(monkeypatch)
    np.testing.assert_allclose(wav2vec2_features(speech, wav2vec2), spelt, atol=1e-3)
    # Attention looks at everything it is given, and an untrained one at all of it alike: what a
    # chunk cannot see moves HuBERT's states, whose deviation is 1.
    assert np.abs(hubert_features(speech, hubert) - units).mean() < 0.02


@pytest.mark.parametrize("samples", [0, 700, 16639])
def test_rows_are_as_many_as_frames(
    babble: Babble, wav2vec2: Path, hubert: Path, samples: int
) -> None:
    speech, frames = babble(2.0)[:samples], max(1, samples // 640)
    spelt, units = wav2vec2_features(speech, wav2vec2), hubert_features(speech, hubert)
    assert spelt.shape == (frames, 16, 44) and units.shape == (frames, 2, 16)
    assert spelt.dtype == units.dtype == np.float32
    assert np.isfinite(spelt).all() and np.isfinite(units).all()


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
    """As prior work does it, by the library's own feature extractor, of a sound of whole steps."""
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


def test_a_folder_counts_with_its_weights_and_what_transformers_cached_is_found_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOPLANE_ASSETS", str(tmp_path / "named"))
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def put(folder: Path, weights: str) -> Path:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / weights).write_bytes(b"weights")
        return folder

    repository = tmp_path / "hub" / "models--facebook--hubert-large-ls960-ft"
    snapshot = put(repository / "snapshots" / "abc", "pytorch_model.bin")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    mine = put(tmp_path / "cache/models/speech" / networks.HUBERT.name, "other.bin")
    assert require_kind("hubert") == snapshot
    (mine / "model.safetensors").write_bytes(b"weights")
    assert require_kind("hubert") == mine
    given = put(tmp_path / "given", "model.safetensors")
    assert require_kind("hubert", given) == given
