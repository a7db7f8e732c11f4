"""Mel-frequency cepstra as SyncNet was trained on: the defaults of `python_speech_features`.

Its last release is of 2017 and comes as source only, so its dozen formulas are written out here.
"""

import numpy as np
from jaxtyping import Float, Float32
from scipy.fft import dct

from audioplane.clock import SAMPLE_RATE

FRAME, STEP = 400, 160
"""Samples under a window (25 ms, rectangular) and between two (10 ms)."""
FFT = 512
BANDS, CEPSTRA = 26, 13
PRE_EMPHASIS = 0.97
LIFTER = 22
CHUNK = 4096
"""Windows analysed at a time: 17 MB of spectra."""


def mfcc(waveform: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, "s 13"]:
    """Cepstra of sound at 16 kHz in [−1, 1], taken as 16-bit samples; s = 1 + ⌈(n − 400) / 160⌉.

    The first cepstrum is the logarithm of the window's energy; the end is filled up with silence.
    """
    samples = np.round(np.clip(waveform, -1, 1).astype(np.float64) * 32767)
    emphasised = np.append(samples[:1], samples[1:] - PRE_EMPHASIS * samples[:-1])
    count = 1 + max(0, -(-(len(samples) - FRAME) // STEP))
    padded = np.pad(emphasised, (0, (count - 1) * STEP + FRAME - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::STEP]
    chunks = [_cepstra(frames[i : i + CHUNK]) for i in range(0, count, CHUNK)]
    return np.concatenate(chunks).astype(np.float32)


def _cepstra(frames: Float[np.ndarray, "s 400"]) -> Float[np.ndarray, "s 13"]:
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2 / FFT
    cepstra = np.asarray(dct(np.log(_not_zero(power @ mel_filters().T)), norm="ortho"))[:, :CEPSTRA]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    cepstra[:, 0] = np.log(_not_zero(power.sum(1)))
    return cepstra


def mel_filters() -> Float[np.ndarray, "26 257"]:
    """Triangles between 28 bins that are evenly spaced on the mel scale from 0 to 8 kHz."""
    highest = 2595 * np.log10(1 + 8000 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)
    corners = np.floor((FFT + 1) * hertz / SAMPLE_RATE)
    low, peak, high = (corners[i : BANDS + i, None] for i in range(3))
    bins = np.arange(FFT // 2 + 1)
    return np.maximum(0, np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak)))


def _not_zero(power: Float[np.ndarray, "*s"]) -> Float[np.ndarray, "*s"]:
    return np.where(power == 0, np.finfo(np.float64).eps, power)
