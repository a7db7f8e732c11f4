"""Log-mel spectrogram: 80 bands from 60 Hz to 7.6 kHz.

Per file, the speech is brought to one level (`level.speech_gain`); everything after that is fixed:
pre-emphasis, power spectrum of 40 ms Hann windows, mel filters, decibels above a floor, and one
affine map for all bands that gives ordinary speech about zero mean and unit variance.
"""

import numpy as np
from jaxtyping import Float

from audioplane.speech.level import speech_gain
from audioplane.speech.window import STEP, STEPS_BEFORE, frame_count, step_count, windows

BANDS = 80
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
FFT = 1024
FRAME = 640
"""Samples under the analysis window: 40 ms, twice the step, so that no sound falls between."""
PRE_EMPHASIS = 0.97
FLOOR_DB = -95.0
"""Band power, relative to a full-scale square, below which all is silence."""
CENTRE_DB, SPREAD_DB = -71.0, 13.5
"""Mean and standard deviation of band power over speech, measured on eleven recordings in five
languages."""
CHUNK = 2000
"""Steps analysed at a time: 16 MB of spectra."""


def mel_features(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "t 16 80"]:
    """Log-mel windows of speech at 16 kHz in [−1, 1], one row a video frame."""
    return windows(mel_steps(waveform))


def mel_steps(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "s 80"]:
    """Normalised log-mel steps, as many as `step_count`, the first `STEPS_BEFORE` steps early."""
    gain = speech_gain(waveform)
    count = step_count(frame_count(len(waveform)))
    filters = mel_filters().T
    steps = np.empty((count, BANDS), np.float32)
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        power = _power_spectra(waveform, first - STEPS_BEFORE, last - STEPS_BEFORE) * gain**2
        decibels = 10 * np.log10(np.maximum(power @ filters, 10 ** (FLOOR_DB / 10)))
        steps[first:last] = (decibels - CENTRE_DB) / SPREAD_DB
    return steps


def mel_filters() -> Float[np.ndarray, "80 513"]:
    """Triangular filters of equal height and width on the mel scale (O'Shaughnessy 1987)."""
    lowest, highest = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = np.linspace(lowest, highest, BANDS + 2)
    bins = _mel(np.arange(FFT // 2 + 1) * (16000 / FFT))
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(np.minimum(rising, falling), 0)


def _mel(hertz: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return 2595 * np.log10(1 + hertz / 700)


def _power_spectra(waveform: np.ndarray, first: int, last: int) -> Float[np.ndarray, "s 513"]:
    """Power spectra of steps `first` to `last`, each under a window about the step's middle."""
    start = first * STEP + STEP // 2 - FRAME // 2 - 1
    stop = (last - 1) * STEP + STEP // 2 + FRAME // 2
    piece = np.zeros(stop - start)
    low, high = max(start, 0), min(stop, len(waveform))
    if high > low:
        piece[low - start : high - start] = waveform[low:high]
    emphasised = piece[1:] - PRE_EMPHASIS * piece[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, FRAME)[::STEP]
    window = np.hanning(FRAME + 2)[1:-1]
    spectra = np.fft.rfft(frames * window, FFT)
    return (spectra.real**2 + spectra.imag**2) / window.sum() ** 2
