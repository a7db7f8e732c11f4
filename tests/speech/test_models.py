import importlib.util
from pathlib import Path

import pytest

from audioplane.assets import ModelFile
from audioplane.errors import AudioplaneError
from audioplane.speech.models import DEEPSPEECH, HUBERT, require_network


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder of the user's choice, an empty cache and an empty cache of transformers."""
    monkeypatch.setenv("AUDIOPLANE_ASSETS", str(tmp_path / "named"))
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("named", "cache"):
        (tmp_path / name / "models" / "speech").mkdir(parents=True)
    (tmp_path / "hub").mkdir()


def put_folder(folder: Path, weights: str = "model.safetensors") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / weights).write_bytes(b"weights")
    return folder


def test_the_named_folder_is_before_the_cache(tmp_path: Path) -> None:
    cached = tmp_path / "cache/models/speech" / DEEPSPEECH.name
    cached.write_bytes(b"model")
    assert require_network(DEEPSPEECH) == cached
    named = tmp_path / "named/models/speech" / DEEPSPEECH.name
    named.write_bytes(b"model")
    assert require_network(DEEPSPEECH) == named
    given = tmp_path / "mine.tflite"
    given.write_bytes(b"model")
    assert require_network(DEEPSPEECH, given) == given


def test_what_transformers_cached_is_found_last(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--facebook--hubert-large-ls960-ft"
    snapshot = put_folder(repository / "snapshots" / "abc", "pytorch_model.bin")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert require_network(HUBERT) == snapshot
    mine = put_folder(tmp_path / "cache/models/speech" / HUBERT.name)
    assert require_network(HUBERT) == mine


def fails(*words: str, model: ModelFile, given: Path | None = None) -> None:
    with pytest.raises(AudioplaneError) as caught:
        require_network(model, given)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("model", [DEEPSPEECH, HUBERT])
def test_what_is_missing_is_named_with_address_and_place(tmp_path: Path, model: ModelFile) -> None:
    fails(model.name, model.url, str(tmp_path / "cache"), "AUDIOPLANE_ASSETS", model=model)


def test_a_folder_without_weights_does_not_count(tmp_path: Path) -> None:
    folder = put_folder(tmp_path / "named/models/speech" / HUBERT.name)
    (folder / "model.safetensors").unlink()
    fails("hf download facebook/hubert-large-ls960-ft", model=HUBERT)
    fails(str(folder), "is not a folder with config.json", model=HUBERT, given=folder)
    fails("nowhere", "is not a file", model=DEEPSPEECH, given=tmp_path / "nowhere")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    fails("transformers", 'pip install "audioplane[speech]"', model=HUBERT)
    fails("ai_edge_litert", 'pip install "audioplane[speech]"', model=DEEPSPEECH)
