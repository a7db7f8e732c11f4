"""The recogniser of phones as the browser's kernels take it (`kernel/ear.c`, `page/recogniser.js`).

Its weights are those of the wheel hama. Matrices of the blocks, 95 % of them, are rounded to
multiples of 1/128 of their standard deviation (docs/browser.md says what that costs), the others
are as exact as there: float16.
"""

from pathlib import Path

from audioplane.simd_products import flat
from audioplane.speech.ipa import (
    CLOSED_COLUMN,
    GROUPS,
    column_scales,
    smoothing_weights,
    symbol_columns,
)
from audioplane.speech.recogniser import LAYERS, layer_pairs, open_recogniser, read_weights
from audioplane.web.head_bin import FORMAT, write_head_bin
from audioplane.web.weights import Arrays

_TAPS = 3
"""Spectra of a step."""
_SOURCE = "hama 1.7.0, asr_waveform.hama, Apache-2.0"


def write_recogniser(path: Path) -> None:
    """Write the network. Raises `SpeechError` where it is not installed, or `MediaError`."""
    network, weights = open_recogniser(), read_weights()
    stem, bias = network.stem()
    # Spectrum by spectrum, as they come.
    stem = stem.unflatten(1, (-1, _TAPS)).transpose(1, 2).flatten(1)
    arrays: Arrays = {
        "filters": (flat(network.filters().T.numpy()), "f32"),
        "stem": (flat(stem.numpy(), bias.numpy()), "f16"),
        "out": (network.out, "f16"),
    }
    for layer in range(LAYERS):
        for i, (weight, bias) in enumerate(layer_pairs(weights, layer)):
            kind = "i16" if weight.ndim == 2 else "f16"
            arrays[f"layers.{layer}.{i}"] = (flat(weight.numpy()), kind)
            arrays[f"layers.{layer}.{i}_bias"] = (flat(bias.numpy()), "f16")
    write_head_bin(path, {"format": FORMAT, "source": _SOURCE}, arrays)


def ipa_arrays() -> Arrays:
    """What makes features of the symbols' probabilities (`speech.ipa`)."""
    columns, (centres, spreads) = symbol_columns(), column_scales()
    return {
        "ipa.columns": (columns, "f32"),
        "ipa.phone": (columns[:, : len(GROUPS)].sum(1), "f32"),
        "ipa.closed": (columns[:, CLOSED_COLUMN], "f32"),
        "ipa.smoothing": (smoothing_weights(), "f32"),
        "ipa.centres": (centres, "f32"),
        "ipa.spreads": (spreads, "f32"),
    }
