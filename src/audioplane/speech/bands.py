"""Power of sound in 80 mel bands from 60 Hz to 7.6 kHz.

Power spectra of 40 ms Hann windows after pre-emphasis, one a step, through triangular filters.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Float64

from audioplane.clock import SAMPLE_RATE
from audioplane.speech.window import STEP

BANDS = 80
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
FFT = 1024
ANALYSIS = 2 * STEP
"""Samples in the analysis window: twice the step, so that windows overlap."""
PRE_EMPHASIS = 0.97
LOWEST_DB = -110.0
"""Floor of the band power, relative to a full-scale square."""
TYPICAL_DB = -71.0
"""Mean band power of speech at `level.TARGET_DB`, where a sound holds too little to measure its
own."""
TYPICAL_WEIGHT = 50
"""Steps of speech (1 s) that `TYPICAL_DB` counts as in a sound's own mean."""


def band_span(first: int, last: int) -> tuple[int, int]:
    """Samples [from, to) for the spectra of steps `first` to `last` − 1."""
    return (
        first * STEP + STEP // 2 - ANALYSIS // 2 - 1,
        (last - 1) * STEP + STEP // 2 + ANALYSIS // 2,
    )


def power_spectra(piece: Float[np.ndarray, " n"]) -> Float64[np.ndarray, "s 513"]:
    """Power spectra of the steps whose `band_span` the piece is."""
    piece = piece.astype(np.float64)
    emphasised = piece[1:] - PRE_EMPHASIS * piece[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, ANALYSIS)[::STEP]
    window = _window()
    spectra = np.fft.rfft(frames * window, FFT)
    return (spectra.real**2 + spectra.imag**2) / window.sum() ** 2


def band_decibels(power: Float64[np.ndarray, "s 513"]) -> Float64[np.ndarray, "s 80"]:
    """Power in every band, dB relative to a full-scale square."""
    return 10 * np.log10(np.maximum(power @ mel_filters().T, 10 ** (LOWEST_DB / 10)))


def typical_mean(total: Float64[np.ndarray, " 80"], count: int) -> Float32[np.ndarray, " 80"]:
    """Mean of every band from its sum over so many steps of speech, closer to `TYPICAL_DB` the
    fewer these are."""
    total = total + TYPICAL_WEIGHT * TYPICAL_DB
    return (total / (count + TYPICAL_WEIGHT)).astype(np.float32)


@cache
def _window() -> Float64[np.ndarray, " n"]:
    return np.hanning(ANALYSIS + 2)[1:-1]


@cache
def mel_filters() -> Float64[np.ndarray, "80 513"]:
    """Triangular filters of equal height and width on the mel scale (O'Shaughnessy 1987)."""
    edges = _edges()
    bins = _mel(np.arange(FFT // 2 + 1) * (SAMPLE_RATE / FFT))
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(np.minimum(rising, falling), 0)


def band_centres() -> Float64[np.ndarray, " 80"]:
    """Middle of every band, Hz."""
    return 700 * (10 ** (_edges()[1:-1] / 2595) - 1)


def _edges() -> Float64[np.ndarray, " 82"]:
    """Start, peak and end of the filters, on the mel scale."""
    lowest, highest = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    return np.linspace(lowest, highest, BANDS + 2)


def _mel(hertz: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return 2595 * np.log10(1 + hertz / 700)
