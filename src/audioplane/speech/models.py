"""Finding the networks behind some kinds of speech features: given, in a folder, or cached.

Nothing is fetched: no sha256 of these files is known to us. The error of one that is not here says
where it comes from and where to put it.
"""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from audioplane.errors import SpeechError

MODELS_VARIABLE = "AUDIOPLANE_SPEECH_MODELS"
"""Environment variable that names a folder with the files and folders of these models."""
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Either holds the weights in a folder of `transformers`."""


@dataclass(frozen=True)
class SpeechModel:
    """A published network, one file or a folder of `transformers`."""

    name: str
    """Of the file or folder."""
    url: str
    """Official address."""
    package: str
    """What runs it; the extra `speech` installs it."""
    hub: str = ""
    """Name in the hub of `transformers`, in whose cache it is looked for too."""


DEEPSPEECH = SpeechModel(
    "deepspeech-0.9.3-models.tflite",
    "https://github.com/mozilla/DeepSpeech/releases/download/v0.9.3/deepspeech-0.9.3-models.tflite",
    "ai_edge_litert",
)
"""Mozilla's DeepSpeech 0.9.3 for LiteRT, 47 MB (MPL-2.0)."""

WAV2VEC2 = SpeechModel(
    "wav2vec2-large-xlsr-53-esperanto",
    "https://huggingface.co/cpierse/wav2vec2-large-xlsr-53-esperanto",
    "transformers",
    "cpierse/wav2vec2-large-xlsr-53-esperanto",
)
"""wav2vec 2.0 that spells Esperanto, 1.3 GB (Apache-2.0): the peers' `aud_eo.npy`."""

HUBERT = SpeechModel(
    "hubert-large-ls960-ft",
    "https://huggingface.co/facebook/hubert-large-ls960-ft",
    "transformers",
    "facebook/hubert-large-ls960-ft",
)
"""HuBERT large, 1.3 GB (Apache-2.0): the peers' `aud_hu.npy`."""


def find_model(model: SpeechModel, given: Path | None = None) -> Path:
    """Where a network lies.

    Looked for at the given path and nowhere else, or in `$AUDIOPLANE_SPEECH_MODELS`, the user's
    cache, and the cache of `transformers`.

    Raises `SpeechError`, naming what is missing, where it comes from and where to put it.
    """
    if importlib.util.find_spec(model.package) is None:
        raise SpeechError(f'{model.name} needs {model.package}: pip install "audioplane[speech]"')
    if given is not None:
        if not _is_whole(model, Path(given)):
            raise SpeechError(f"{given} is not {_kind_of(model)}: give the path of {model.name}")
        return Path(given)
    folders = [cache_folder()]
    if named := os.environ.get(MODELS_VARIABLE):
        folders.insert(0, Path(named))
    places = [folder / model.name for folder in folders]
    if model.hub and (cached := _in_hub_cache(model.hub)):
        places.append(cached)
    for place in places:
        if _is_whole(model, place):
            return place
    fetch = f"run 'hf download {model.hub}', or get" if model.hub else "get"
    raise SpeechError(
        f"{model.name} is not here: {fetch} it from {model.url} and put it into "
        f"{cache_folder()} or the folder that {MODELS_VARIABLE} names"
    )


def cache_folder() -> Path:
    """Where the user keeps these models."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("audioplane")) / "models" / "speech"


def _kind_of(model: SpeechModel) -> str:
    return f"a folder with config.json and {_WEIGHTS[0]}" if model.hub else "a file"


def _is_whole(model: SpeechModel, place: Path) -> bool:
    if not model.hub:
        return place.is_file()
    weights = any((place / name).is_file() for name in _WEIGHTS)
    return weights and (place / "config.json").is_file()


def _in_hub_cache(name: str) -> Path | None:
    """The folder that `transformers` or `hf download` fetched a model into."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json")
    return Path(config).parent if isinstance(config, str) else None
