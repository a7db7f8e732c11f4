"""The quality of a recording's sound as training speech."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from audioplane.clock import SAMPLE_RATE
from audioplane.speech import Speech

_FULL = 0.99
"""Of full scale, from which a sample counts as clipped."""
_QUIETEST = 1e-10
"""Power below which all is silence: −100 dB."""
_ENVELOPE_RATE = 10


@dataclass(frozen=True)
class SoundFigures:
    """Figures of a whole sound track. Levels in dB of full scale."""

    seconds: float
    level: float
    """Mean power while somebody speaks."""
    peak: float
    speech: float
    """Share of the time in which somebody speaks."""
    clipped: float
    """Share of samples at full scale."""
    above_noise: float
    """Level of speech above the quietest tenth of the recording, dB."""
    notes: tuple[str, ...] = ()
    """Notes on the choice of the sound track and on corrections to it."""


def measure_sound(waveform: Float[np.ndarray, " n"]) -> SoundFigures:
    """Measure a mono waveform at 16 kHz."""
    speech = Speech(waveform)
    power, active = speech.power, speech.active
    level = _db(speech.level or 0.0)
    floor = _db(float(np.percentile(power, 10)) if len(power) else 0.0)
    loudest = float(np.abs(waveform).max(initial=0.0))
    return SoundFigures(
        seconds=len(waveform) / SAMPLE_RATE,
        level=level,
        peak=_db(loudest**2),
        speech=float(active.mean()) if len(active) else 0.0,
        clipped=float((np.abs(waveform) >= _FULL).mean()) if len(waveform) else 0.0,
        above_noise=level - floor,
    )


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, _QUIETEST)))


def levels(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Level over time for a plot, dB, ten a second."""
    step = SAMPLE_RATE // _ENVELOPE_RATE
    blocks = waveform[: len(waveform) // step * step].reshape(-1, step)
    return 10 * np.log10(np.maximum(np.square(blocks).mean(1), _QUIETEST))
