"""The kinds of speech features that can be computed here, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from audioplane.assets import ModelFile
from audioplane.errors import SpeechError
from audioplane.speech.mel import BANDS, mel_features
from audioplane.speech.models import DEEPSPEECH, HUBERT, WAV2VEC2, require_network
from audioplane.speech.phones import PHONES, phone_features

Alone = Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, "t w f"]]
WithModel = Callable[[Float[np.ndarray, " n"], Path], Float[np.ndarray, "t w f"]]


@dataclass(frozen=True)
class FeatureKind:
    """One kind of speech features."""

    compute: WithModel
    """Waveform at 16 kHz and where `model` lies → [T, W, `size`], 25 rows a second."""
    size: int
    """Features of one step."""
    about: str
    """What it is, for help texts."""
    model: ModelFile | None = None
    """The network it needs, which cannot be shipped."""


def _alone(compute: Alone) -> WithModel:
    return lambda waveform, _: compute(waveform)


def mel_and_phones(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "t 16 120"]:
    """Log-mel bands, then phones, of the same steps."""
    return np.concatenate([mel_features(waveform), phone_features(waveform)], axis=2)


# What runs the networks takes seconds to import: only those who compute them wait.


def _deepspeech(waveform: Float[np.ndarray, " n"], model: Path) -> Float[np.ndarray, "t 16 29"]:
    from audioplane.speech.deepspeech import deepspeech_features

    return deepspeech_features(waveform, model)


def _wav2vec2(waveform: Float[np.ndarray, " n"], model: Path) -> Float[np.ndarray, "t 16 f"]:
    from audioplane.speech.networks import wav2vec2_features

    return wav2vec2_features(waveform, model)


def _hubert(waveform: Float[np.ndarray, " n"], model: Path) -> Float[np.ndarray, "t 2 f"]:
    from audioplane.speech.networks import hubert_features

    return hubert_features(waveform, model)


KINDS: Mapping[str, FeatureKind] = MappingProxyType(
    {
        "mel": FeatureKind(_alone(mel_features), BANDS, "log-mel spectrogram, 80 bands"),
        "phones": FeatureKind(_alone(phone_features), len(PHONES), "phones heard by pocketsphinx"),
        "mel+phones": FeatureKind(
            _alone(mel_and_phones), BANDS + len(PHONES), "both, side by side"
        ),
        "deepspeech": FeatureKind(_deepspeech, 29, "letters heard by DeepSpeech", DEEPSPEECH),
        "wav2vec2": FeatureKind(_wav2vec2, 44, "letters heard by wav2vec 2.0", WAV2VEC2),
        "hubert": FeatureKind(_hubert, 1024, "hidden states of HuBERT", HUBERT),
    }
)
DEFAULT_KIND = "mel+phones"
"""The best on held-out speech of those that need no download."""
PEER_NAMES: Mapping[str, str] = MappingProxyType({"eo": "wav2vec2", "hu": "hubert"})
"""What the peers call a kind in `aud_<name>.npy`. Their "ds" is DeepSpeech 0.1.0, not ours."""


def can_compute(kind: str) -> bool:
    """Whether a kind is one of `KINDS`, by our name or the peers'."""
    return PEER_NAMES.get(kind, kind) in KINDS


def require_kind(kind: str, model: Path | None = None) -> Path | None:
    """Check that a kind can be computed here, before hours of work rest on it.

    Args:
        kind: A name in `KINDS` or `PEER_NAMES`.
        model: The file or folder of its network; None to look it up (`require_network`).

    Returns:
        Where its network lies; None for a kind that needs none.

    Raises:
        SpeechError: Unknown kind, or the library that it needs is missing.
        ModelError: Its network is missing.
    """
    if not can_compute(kind):
        raise SpeechError(
            f"speech features '{kind}' cannot be computed here: choose one of "
            f"{', '.join(KINDS)}, or bring a .npy file of them"
        )
    needed = KINDS[PEER_NAMES.get(kind, kind)].model
    if needed is None and model is not None:
        raise SpeechError(f"speech features '{kind}' need no model: leave {model} away")
    return require_network(needed, model) if needed else None


def compute_features(
    waveform: Float[np.ndarray, " n"], kind: str = DEFAULT_KIND, model: Path | None = None
) -> Float[np.ndarray, "t w f"]:
    """Speech features of a whole sound.

    Args:
        waveform: Speech at 16 kHz, mono, about [−1, 1].
        kind: A name in `KINDS` or `PEER_NAMES`.
        model: The file or folder of its network; None to look it up.

    Returns:
        float32 [T, W, F], T = max(1, n // 640): row t is the window about frame t, which lasts
        from t / 25 to (t + 1) / 25 s. Past the ends, silence. W is 16 (320 ms), 2 for hubert. Our
        own kinds have about zero mean and unit variance over speech and do not depend on its
        level; those of networks are what the peers' scripts write.

    Raises:
        SpeechError: Unknown kind, its network is missing, or samples that are not finite.
    """
    place = require_kind(kind, model)
    if not np.isfinite(waveform).all():
        raise SpeechError("the sound holds samples that are not numbers: convert it to WAV again")
    return KINDS[PEER_NAMES.get(kind, kind)].compute(waveform, place or Path())
