"""The recogniser of phones as the browser's kernels take it (`kernel/recogniser.c`,
`page/recogniser.js`).

Its weights are those of the wheel hama, as exact as there: float16.
"""

from pathlib import Path

import numpy as np

from audioplane.simd_products import flat
from audioplane.speech.ipa import (
    CLOSED_COLUMN,
    GROUPS,
    column_scales,
    smoothing_weights,
    symbol_columns,
)
from audioplane.speech.recogniser import open_recogniser
from audioplane.web.head_bin import FORMAT, write_head_bin
from audioplane.web.weights import Arrays

_TAPS = 3
"""Spectra of a step."""
_SOURCE = "hama 1.7.0, asr_waveform.hama, Apache-2.0"


def write_recogniser(path: Path) -> None:
    """Write the network. Raises `SpeechError` where it is not installed, or `MediaError`."""
    network = open_recogniser()
    stem, bias = network.stem()
    # Spectrum by spectrum, as they come.
    stem = stem.unflatten(1, (-1, _TAPS)).transpose(1, 2).flatten(1)
    arrays: Arrays = {
        "weights": (
            np.concatenate([flat(stem.numpy(), bias.numpy()), network.out, network.layers.ravel()]),
            "f16",
        ),
        "filters": (flat(network.filters().T.numpy()), "f32"),
    }
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
