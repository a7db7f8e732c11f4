"""Feature kind `mel`: log-mel spectrogram, 80 bands.

Band powers in decibels; every band is shifted so that its mean over the speech of a sound is the
same, which removes microphone, room and voice colour. Values far below that mean are clipped as
silence, and one factor for all bands gives speech about unit variance.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32

from audioplane.speech.bands import (
    ANALYSIS,
    BANDS,
    band_decibels,
    band_span,
    power_spectra,
)
from audioplane.speech.kinds import FeatureKind
from audioplane.speech.level import RunningLevel, RunningMean, block_power
from audioplane.speech.sound import Speech
from audioplane.speech.step_stream import AFTER_FRAME, StepStream, StreamStatistics
from audioplane.speech.window import STEP, STEPS_BEFORE, window_chunks

FLOOR_DB = -20.0
"""Band power, relative to that band's mean over speech, below which all is silence."""
CENTRE_DB, SPREAD_DB = -4.0, 12.5
"""Mean and standard deviation of the result, over eleven recordings in five languages."""


def mel_windows(speech: Speech) -> Iterator[Float32[np.ndarray, "_ 16 80"]]:
    """Windows of the frames of a sound, in chunks."""
    means = speech.band_means
    return window_chunks(normalised(powers, means) for powers in speech.band_powers())


def normalised(
    decibels: Float[np.ndarray, "s 80"], means: Float[np.ndarray, " 80"]
) -> Float[np.ndarray, "s 80"]:
    """Features from band powers and their means over speech."""
    return (np.maximum(decibels - means, FLOOR_DB) - CENTRE_DB) / SPREAD_DB


class MelStream(StepStream):
    """Log-mel steps of a sound that arrives in pieces: each step once the sound under its window
    is there, which ends 160 samples after it. Level and band means follow the sound so far."""

    look_ahead = AFTER_FRAME + (ANALYSIS - STEP) // 2

    def __init__(self, statistics: StreamStatistics):
        self._level = RunningLevel(statistics.level)
        self._means = RunningMean(statistics.bands)
        # From one step before the next one on: its window begins there.
        self._sound = np.zeros((STEPS_BEFORE + 1) * STEP, np.float32)
        self._silence = STEPS_BEFORE
        """Steps before the sound's first that are still to come."""

    def push(self, sound: Float[np.ndarray, " n"]) -> Float[np.ndarray, "s 80"]:
        self._sound = np.concatenate([self._sound, sound])
        count = max(0, (len(self._sound) - STEP - (ANALYSIS - STEP) // 2) // STEP)
        steps = np.empty((count, BANDS), np.float32)
        if not count:
            return steps
        first, last = band_span(1, 1 + count)
        spectra = power_spectra(self._sound[first:last])
        powers = block_power(self._sound[STEP:])
        for i in range(count):
            steps[i] = self._step(spectra[i], float(powers[i]))
        self._sound = self._sound[count * STEP :]
        return steps

    def predict(self) -> Float[np.ndarray, "s 80"]:
        return np.zeros((0, BANDS), np.float32)

    def _step(self, spectrum: Float[np.ndarray, "513"], power: float) -> Float[np.ndarray, " 80"]:
        spoken = self._silence == 0 and self._level.update(power)
        self._silence = max(0, self._silence - 1)
        gain = self._level.gain
        decibels = band_decibels((spectrum * gain**2)[None])[0]
        gain_db = 20 * np.log10(gain)
        if spoken:
            self._means.add(decibels - gain_db)
        return normalised(decibels[None], self._means.value(gain_db))[0]


KIND = FeatureKind("mel", mel_windows, BANDS, "log-mel spectrogram, 80 bands", stream=MelStream)
