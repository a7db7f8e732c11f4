"""The recogniser of phones as the browser's kernels take it (`kernel/ear.c`, `page/recogniser.js`).

Its weights are those of the wheel hama, as exact as there: float16.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane.speech.ipa import (
    CLOSED_COLUMN,
    GROUPS,
    column_scales,
    smoothing_weights,
    symbol_columns,
)
from audioplane.speech.recogniser import open_recogniser
from audioplane.web.head_bin import write_head_bin
from audioplane.web.weights import Arrays

_PANEL = 8
_TAPS = 3
"""Spectra of a step."""
_SOURCE = "hama 1.7.0, asr_waveform.hama, Apache-2.0"


def write_recogniser(path: Path) -> None:
    """Write the network. Raises `SpeechError` where it is not installed, or `MediaError`."""
    network = open_recogniser()
    (stem, bias), *pairs = [(w.numpy(), b.numpy()) for w, b in network.pairs()]
    bands = stem.reshape(len(stem), -1, _TAPS).transpose(0, 2, 1)
    laid = [bands.reshape(len(stem), -1), bias], *pairs
    arrays: Arrays = {
        "weights": (np.concatenate([_flat(x) for pair in laid for x in pair]), "f16"),
        "filters": (_flat(network.filters().T.numpy()), "f32"),
    }
    write_head_bin(path, {"format": 1, "source": _SOURCE}, arrays)


def _flat(x: np.ndarray) -> Float32[np.ndarray, " n"]:
    """A matrix [outputs, inputs] as panels [inputs, 8] of its outputs, taps [channels, 1, taps] tap
    by tap, numbers as they are; padded by zeros to whole panels."""
    if x.ndim == 3:
        return x[:, 0].T.ravel()
    padded = np.pad(x, [(0, -len(x) % _PANEL)] + [(0, 0)] * (x.ndim - 1))
    if x.ndim == 1:
        return padded
    return padded.reshape(-1, _PANEL, x.shape[1]).transpose(0, 2, 1).ravel()


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
