"""The networks behind some kinds of speech features.

Nothing is fetched: no sha256 of these files is known to us. The error of one that is not here says
where it comes from and where to put it.
"""

import importlib.util
from pathlib import Path

from audioplane.assets import ModelFile, require_model
from audioplane.errors import SpeechError

DEEPSPEECH = ModelFile(
    "deepspeech-0.9.3-models.tflite",
    "https://github.com/mozilla/DeepSpeech/releases/download/v0.9.3/deepspeech-0.9.3-models.tflite",
    None,
    "speech",
)
"""Mozilla's DeepSpeech 0.9.3 for LiteRT, 47 MB (MPL-2.0)."""

WAV2VEC2 = ModelFile(
    "wav2vec2-large-xlsr-53-esperanto",
    "https://huggingface.co/cpierse/wav2vec2-large-xlsr-53-esperanto",
    None,
    "speech",
    "cpierse/wav2vec2-large-xlsr-53-esperanto",
)
"""wav2vec 2.0 that spells Esperanto, 1.3 GB (Apache-2.0): the `aud_eo.npy` of prior work."""

HUBERT = ModelFile(
    "hubert-large-ls960-ft",
    "https://huggingface.co/facebook/hubert-large-ls960-ft",
    None,
    "speech",
    "facebook/hubert-large-ls960-ft",
)
"""HuBERT large, 1.3 GB (Apache-2.0): the `aud_hu.npy` of prior work."""


def require_network(model: ModelFile, given: Path | None = None) -> Path:
    """Where a network lies that can be run here; see `assets.require_models`.

    Raises `SpeechError` if the library that runs it is missing, `ModelError` if it is.
    """
    package = "transformers" if model.hub else "ai_edge_litert"
    if importlib.util.find_spec(package) is None:
        raise SpeechError(f'{model.name} needs {package}: pip install "audioplane[speech]"')
    return require_model(model, given)
