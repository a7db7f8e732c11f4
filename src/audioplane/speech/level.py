"""Loudness of speech, so that features do not depend on how far the microphone was.

The level is the mean power of the stretches in which somebody speaks, found by two gates as in
ITU-R BS.1770: one absolute, one relative to what passes the first. Silence around or within the
speech therefore does not change it.
"""

import numpy as np
from jaxtyping import Bool, Float

from audioplane.speech.window import STEP, STEPS_PER_FRAME

TARGET_DB = -23.0
"""Mean level of active speech after `speech_gain`, dB relative to full scale."""
ABSOLUTE_GATE_DB = -70.0
"""Blocks below are never speech."""
RELATIVE_GATE_DB = -15.0
"""Blocks so far below the mean of what passed the absolute gate are pauses."""
MAX_GAIN_DB = 40.0
"""A recording that is all hiss is not blown up to speech."""
BLOCK = STEP
"""Samples of a block: 20 ms, one feature step."""


def active_blocks(waveform: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " b"]:
    """Which whole blocks of a waveform hold speech rather than a pause."""
    power = _block_power(waveform)
    loud = power > 10 ** (ABSOLUTE_GATE_DB / 10)
    if not loud.any():
        return loud
    return loud & (power >= power[loud].mean() * 10 ** (RELATIVE_GATE_DB / 10))


def heard_frames(waveform: Float[np.ndarray, " n"], frames: int) -> Bool[np.ndarray, " t"]:
    """Which video frames hold an active block."""
    active = active_blocks(waveform)[: frames * STEPS_PER_FRAME]
    padded = np.pad(active, (0, frames * STEPS_PER_FRAME - len(active)))
    return np.asarray(padded.reshape(frames, STEPS_PER_FRAME).any(1))


def speech_gain(waveform: Float[np.ndarray, " n"]) -> float:
    """Factor that brings the active speech of a waveform to `TARGET_DB`; 1 for silence."""
    active = _block_power(waveform)[active_blocks(waveform)]
    if not len(active):
        return 1.0
    gain_db = TARGET_DB - 10 * np.log10(active.mean())
    return float(10 ** (min(gain_db, MAX_GAIN_DB) / 20))


def _block_power(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " b"]:
    blocks = waveform[: len(waveform) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.einsum("bi,bi->b", blocks, blocks, dtype=np.float64) / BLOCK
