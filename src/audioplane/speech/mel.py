"""Log-mel spectrogram: 80 bands from 60 Hz to 7.6 kHz.

Power spectra of 40 ms Hann windows after pre-emphasis, through mel filters, in decibels. Then, once
a file, every band is moved so that its mean over the speech of that file is the same: microphone,
room and voice colour go, the movement stays. What lies far below that mean is cut off as silence,
and one factor for all bands gives speech about unit variance.
"""

import numpy as np
from jaxtyping import Bool, Float

from audioplane.speech.level import (
    TARGET_DB,
    RunningLevel,
    RunningMean,
    active_blocks,
    block_power,
    power_gain,
    speech_gain,
)
from audioplane.speech.voice import Voice
from audioplane.speech.window import (
    STEP,
    STEPS_BEFORE,
    STEPS_PER_FRAME,
    frame_count,
    step_count,
    windows,
)

BANDS = 80
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
FFT = 1024
FRAME = 640
"""Samples under the analysis window: 40 ms, twice the step, so that no sound falls between."""
PRE_EMPHASIS = 0.97
LOWEST_DB = -110.0
"""Band power, relative to a full-scale square, that nothing falls below."""
TYPICAL_DB = -71.0
"""Mean band power of speech, where a file holds too little to measure its own."""
TYPICAL_WEIGHT = 50
"""Steps of speech (1 s) that `TYPICAL_DB` counts as in a file's own mean."""
FLOOR_DB = -20.0
"""Band power, relative to that band's mean over speech, below which all is silence."""
CENTRE_DB, SPREAD_DB = -4.0, 12.5
"""Mean and standard deviation of what is left, over eleven recordings in five languages."""
CHUNK = 2000
"""Steps analysed at a time: 16 MB of spectra."""


def mel_features(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "t 16 80"]:
    """Log-mel windows of speech at 16 kHz in [−1, 1], one row a video frame."""
    return windows(mel_steps(waveform))


def mel_steps(
    waveform: Float[np.ndarray, " n"], voice: Voice | None = None
) -> Float[np.ndarray, "s 80"]:
    """Normalised log-mel steps, as many as `step_count`, the first `STEPS_BEFORE` steps early.

    By the level and the band means of `voice`; None for those of the waveform.
    """
    gain = power_gain(voice.level) if voice else speech_gain(waveform)
    count = step_count(frame_count(len(waveform)))
    filters = mel_filters().T
    steps = np.empty((count, BANDS), np.float32)
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        power = _power_spectra(waveform, first - STEPS_BEFORE, last - STEPS_BEFORE) * gain**2
        steps[first:last] = _band_decibels(power, filters)
    if voice:
        return _normalised(steps, voice.bands)
    return _normalised(steps, _speech_mean(steps, active_blocks(waveform)))


def speech_bands(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " 80"]:
    """Mean band powers of the speech in a waveform, dB at `TARGET_DB`."""
    spectra = _power_spectra(waveform, -STEPS_BEFORE, frame_count(len(waveform)) * STEPS_PER_FRAME)
    decibels = _band_decibels(spectra * speech_gain(waveform) ** 2, mel_filters().T)
    return _speech_mean(decibels.astype(np.float32), active_blocks(waveform))


def _band_decibels(
    power: Float[np.ndarray, "s 513"], filters: Float[np.ndarray, "513 80"]
) -> Float[np.ndarray, "s 80"]:
    """Power of every band, dB relative to a full-scale square."""
    return 10 * np.log10(np.maximum(power @ filters, 10 ** (LOWEST_DB / 10)))


def _normalised(
    decibels: Float[np.ndarray, "s 80"], mean: Float[np.ndarray, " 80"]
) -> Float[np.ndarray, "s 80"]:
    """Features from band powers and what these are on average while somebody speaks."""
    return (np.maximum(decibels - mean, FLOOR_DB) - CENTRE_DB) / SPREAD_DB


def _speech_mean(
    decibels: Float[np.ndarray, "s 80"], active: Bool[np.ndarray, " b"]
) -> Float[np.ndarray, " 80"]:
    """Mean of every band over the active steps, drawn to `TYPICAL_DB` where these are few."""
    spoken = decibels[STEPS_BEFORE:][: len(active)][active[: len(decibels) - STEPS_BEFORE]]
    total = spoken.sum(0, dtype=np.float64) + TYPICAL_WEIGHT * TYPICAL_DB
    return (total / (len(spoken) + TYPICAL_WEIGHT)).astype(np.float32)


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


class MelSteps:
    """`mel_steps` of a sound that arrives in pieces: each step once the sound under its window is
    there, which ends 160 samples after it."""

    def __init__(self, voice: Voice | None = None, follow: bool = True):
        """Starts from `voice` (None: typical speech) and, if it is to follow, moves to the
        speaker's own level and band means as it hears them."""
        voice = voice or typical_voice()
        self._level, self._bands = RunningLevel(voice.level, follow), RunningMean(voice.bands)
        self._filters = mel_filters().T
        # From one step before the next one on: its window begins there.
        self._sound = np.zeros((STEPS_BEFORE + 1) * STEP, np.float32)
        self._silence = STEPS_BEFORE
        """Steps before the sound's first that are still to come."""

    def push(self, sound: Float[np.ndarray, " n"]) -> Float[np.ndarray, "s 80"]:
        """The steps that are complete now; the first `STEPS_BEFORE` are silence."""
        self._sound = np.concatenate([self._sound, sound])
        count = max(0, (len(self._sound) - STEP - FRAME // 4) // STEP)
        steps = np.empty((count, BANDS), np.float32)
        if not count:
            return steps
        spectra = _power_spectra(self._sound, 1, 1 + count)
        powers = block_power(self._sound[STEP:])
        for i in range(count):
            steps[i] = self._step(spectra[i], float(powers[i]))
        self._sound = self._sound[count * STEP :]
        return steps

    def guess(self) -> Float[np.ndarray, "s 80"]:
        """Steps that are heard but not settled: there are none."""
        return np.zeros((0, BANDS), np.float32)

    def _step(self, spectrum: Float[np.ndarray, "513"], power: float) -> Float[np.ndarray, " 80"]:
        spoken = self._silence == 0 and self._level.hear(power)
        self._silence = max(0, self._silence - 1)
        gain = self._level.gain
        decibels = _band_decibels((spectrum * gain**2)[None], self._filters)[0]
        gain_db = 20 * np.log10(gain)
        if spoken:
            self._bands.add(decibels - gain_db)
        return _normalised(decibels[None], self._bands.value(gain_db))[0]


def typical_voice() -> Voice:
    """What nothing is known of."""
    return Voice(10 ** (TARGET_DB / 10), np.full(BANDS, TYPICAL_DB, np.float32))
