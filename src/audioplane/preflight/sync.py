"""The offset of the sound from the images, found from the mouth and the voice alone.

An open mouth lets the second formant through: the amplitude between 0.6 and 3 kHz rises and falls
with the opening between the lips, in any language. Nothing is learnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from audioplane.clock import SAMPLE_RATE
from audioplane.speech.vowels import vowel_level

RANGE = 0.4
"""Seconds to either side in which the offset is sought."""
STEP = 0.02
"""Step of the offsets, seconds; finer than the estimate's accuracy, ± 0.04 s."""
NOTICEABLE = 0.1
"""Seconds; a larger offset is a fault of the recording, not of the estimate or of the lips, which
are naturally early."""

_HOP, _WINDOW = 80, 400
"""Samples between, and in, the windows of a spectrum."""
_SMOOTH = 0.04
"""Smoothing of the amplitude, seconds, standard deviation."""
_SLOW = 1.0
"""Seconds; slower changes (a smile, a louder voice) are removed."""
_APART = 0.16
"""Seconds from the best offset beyond which another one disproves it."""
_LEAST, _LEAST_LEAD = 0.25, 0.12
"""Least correlation at the best offset, and its least lead over any other."""
LEAST_SECONDS_SEEN = 7.5
"""Least seconds with a face: shorter stretches correlate by chance."""


@dataclass(frozen=True)
class Stretch:
    """The mouth in successive frames."""

    times: Float[np.ndarray, " t"]
    """Seconds after the first image."""
    aperture: Float[np.ndarray, " t"]
    """NaN where no face is seen."""


@dataclass(frozen=True)
class Offset:
    """The offset, and how well it is supported."""

    seconds: float
    """Positive: the sound comes after the images."""
    correlation: float
    elsewhere: float
    """The best correlation of offsets that lie well apart."""
    curve: Float[np.ndarray, " s"]
    """Correlation at every offset from −`RANGE` to `RANGE`."""

    @property
    def believed(self) -> bool:
        """Whether one offset is clearly best."""
        return self.correlation > max(_LEAST, self.elsewhere + _LEAST_LEAD)


def estimate_offset(
    stretches: Sequence[Stretch], waveform: Float[np.ndarray, " n"]
) -> Offset | None:
    """The offset at which mouth and voice agree best; None for too few frames."""
    seen = [s for s in stretches if len(s.times) > 1 and np.isfinite(s.aperture).mean() > 0.5]
    rate = 1 / float(np.diff(seen[0].times).mean()) if seen else 0.0
    if not seen or sum(len(s.times) for s in seen) < LEAST_SECONDS_SEEN * rate:
        return None
    voice = _voice(waveform)
    times = np.arange(len(voice)) * (_HOP / SAMPLE_RATE)
    offsets = np.arange(-round(RANGE / STEP), round(RANGE / STEP) + 1) * STEP
    mouths = np.concatenate([_quick(_filled(s.aperture), rate) for s in seen])
    known = np.concatenate([np.isfinite(s.aperture) for s in seen])
    moments = np.concatenate([s.times for s in seen])
    curve = np.array(
        [_agreement(mouths, known, voice, times, moments + offset) for offset in offsets]
    )
    best = int(curve.argmax())
    apart = np.abs(offsets - offsets[best]) > _APART
    return Offset(float(offsets[best]), float(curve[best]), float(curve[apart].max()), curve)


def _agreement(
    mouths: np.ndarray, known: np.ndarray, voice: np.ndarray, times: np.ndarray, at: np.ndarray
) -> float:
    """Correlation of the mouth with the voice at other moments."""
    inside = known & (at >= 0) & (at <= times[-1])
    if inside.sum() < 2:
        return 0.0
    a, b = mouths[inside], np.interp(at[inside], times, voice)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else 0.0


def _voice(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Amplitude of the band, without slow changes."""
    n = max(1, len(waveform) // _HOP)
    padded = np.pad(waveform, (_WINDOW // 2, _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: n * _HOP : _HOP]
    amplitude = np.empty(n)
    for start in range(0, n, 4096):  # bounds the memory
        amplitude[start : start + 4096] = vowel_level(windows[start : start + 4096])
    rate = SAMPLE_RATE / _HOP
    return _quick(gaussian_filter1d(amplitude, _SMOOTH * rate), rate)


def _quick(signal: Float[np.ndarray, " t"], rate: float) -> Float[np.ndarray, " t"]:
    return signal - gaussian_filter1d(signal, _SLOW * rate, mode="nearest")


def _filled(signal: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    known = np.isfinite(signal)
    return np.interp(np.arange(len(signal)), np.flatnonzero(known), signal[known])
