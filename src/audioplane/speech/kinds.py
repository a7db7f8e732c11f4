"""The kinds of speech features that can be computed here, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from audioplane.errors import SpeechError
from audioplane.speech.mel import BANDS, mel_features
from audioplane.speech.phones import PHONES, phone_features


@dataclass(frozen=True)
class FeatureKind:
    """One kind of speech features."""

    compute: Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, "t w f"]]
    """Waveform at 16 kHz → [T, 16, `size`], 25 rows a second."""
    size: int
    """Features of one step."""
    about: str
    """What it is, for help texts."""


def mel_and_phones(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "t 16 120"]:
    """Log-mel bands, then phones, of the same steps."""
    return np.concatenate([mel_features(waveform), phone_features(waveform)], axis=2)


KINDS: Mapping[str, FeatureKind] = MappingProxyType(
    {
        "mel": FeatureKind(mel_features, BANDS, "log-mel spectrogram, 80 bands"),
        "phones": FeatureKind(phone_features, len(PHONES), "phones heard by pocketsphinx"),
        "mel+phones": FeatureKind(mel_and_phones, BANDS + len(PHONES), "both, side by side"),
    }
)
DEFAULT_KIND = "mel+phones"
"""The best on held-out speech of those that need no download."""


def compute_features(
    waveform: Float[np.ndarray, " n"], kind: str = DEFAULT_KIND
) -> Float[np.ndarray, "t w f"]:
    """Speech features of a whole sound.

    Args:
        waveform: Speech at 16 kHz, mono, about [−1, 1]; its level does not matter.
        kind: A name in `KINDS`.

    Returns:
        float32 [T, 16, F], T = max(1, n // 640): row t is the window of 320 ms centred on
        (t + 0.5) / 25 s. Of speech about zero mean and unit variance; past the ends, silence.

    Raises:
        SpeechError: Unknown kind, or samples that are not finite.
    """
    if kind not in KINDS:
        raise SpeechError(
            f"speech features '{kind}' cannot be computed here: choose one of "
            f"{', '.join(KINDS)}, or bring a .npy file of them"
        )
    if not np.isfinite(waveform).all():
        raise SpeechError("the sound holds samples that are not numbers: convert it to WAV again")
    return KINDS[kind].compute(waveform)
