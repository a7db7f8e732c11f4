"""Loudness of speech, so that features do not depend on how far the microphone was.

The level is the mean power of the stretches in which somebody speaks, found by two gates as in
ITU-R BS.1770: one absolute, one relative to what passes the first. Silence around or within the
speech therefore does not change it.
"""

from collections import deque

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
CLIPPED_DB = 8.0
"""Crest factor below which speech was cut off at its loudest (docs/decisions/experiments.md)."""
BLOCK = STEP
"""Samples of a block: 20 ms, one feature step."""
FADE = 50
"""Blocks of speech (1 s) over which what was assumed of a stream gives way to what is heard."""
LONGEST = 3000
"""Blocks (1 min) that a running mean remembers."""
NOISE_BLOCKS, NOISE_RATIO = 500, 8.0
"""In a stream, blocks under so many times (9 dB) the faintest of the last 10 s are the room's
noise: there, long silence must not be taken for faint speech."""
PAUSE = 8
"""Frames (0.32 s) around what is heard that still belong to the speech."""
_PEAK = 99.9
"""Per cent of the samples that the peak lies above: codecs leave a few ripples."""


def active_blocks(waveform: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " b"]:
    """Which whole blocks of a waveform hold speech rather than a pause."""
    power = block_power(waveform)
    loud = power > 10 ** (ABSOLUTE_GATE_DB / 10)
    if not loud.any():
        return loud
    return loud & (power >= power[loud].mean() * 10 ** (RELATIVE_GATE_DB / 10))


def heard_frames(waveform: Float[np.ndarray, " n"], frames: int) -> Bool[np.ndarray, " t"]:
    """Which video frames hold an active block."""
    active = active_blocks(waveform)[: frames * STEPS_PER_FRAME]
    padded = np.pad(active, (0, frames * STEPS_PER_FRAME - len(active)))
    return np.asarray(padded.reshape(frames, STEPS_PER_FRAME).any(1))


def spoken_frames(waveform: Float[np.ndarray, " n"], frames: int) -> Bool[np.ndarray, " t"]:
    """Which video frames belong to speech, the pauses between words and sentences with it."""
    near = np.ones(2 * PAUSE + 1)
    return np.convolve(heard_frames(waveform, frames), near)[PAUSE : PAUSE + frames] > 0


def speech_gain(waveform: Float[np.ndarray, " n"]) -> float:
    """Factor that brings the active speech of a waveform to `TARGET_DB`; 1 for silence."""
    active = block_power(waveform)[active_blocks(waveform)]
    return power_gain(float(active.mean())) if len(active) else 1.0


def power_gain(power: float) -> float:
    """Factor that brings speech of a mean power to `TARGET_DB`."""
    gain_db = TARGET_DB - 10 * np.log10(power)
    return float(10 ** (min(gain_db, MAX_GAIN_DB) / 20))


def crest_factor(waveform: Float[np.ndarray, " n"]) -> float | None:
    """Peak of the active speech over its root mean square, dB; None for silence."""
    active = active_blocks(waveform)
    if not active.any():
        return None
    spoken = np.abs(waveform[: len(active) * BLOCK].reshape(-1, BLOCK)[active]).astype(np.float64)
    return float(20 * np.log10(np.percentile(spoken, _PEAK) / np.sqrt(np.square(spoken).mean())))


def block_power(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " b"]:
    """Mean power of every whole block."""
    blocks = waveform[: len(waveform) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.einsum("bi,bi->b", blocks, blocks, dtype=np.float64) / BLOCK


class RunningMean:
    """Mean of a stream of values that starts from an assumed one and forgets slowly."""

    def __init__(self, assumed: float | np.ndarray):
        self._assumed, self._sum, self._count = assumed, np.zeros_like(assumed, np.float64), 0.0

    def add(self, value: float | np.ndarray) -> None:
        self._sum, self._count = self._sum + value, self._count + 1
        if self._count > LONGEST:
            self._sum, self._count = self._sum * (LONGEST / self._count), float(LONGEST)

    def value(self, offset: float = 0.0) -> np.ndarray:
        """The mean, where `offset` is added to all that was heard (and not to what is assumed)."""
        weight = max(0.0, FADE - self._count)
        heard = self._sum + self._count * offset
        return np.asarray((weight * self._assumed + heard) / (weight + self._count))


class RunningLevel:
    """`speech_gain` of a stream, from what was heard so far; what is assumed, if it does not
    follow."""

    def __init__(self, assumed: float, follow: bool = True):
        """`assumed`: mean power of active speech."""
        self._follow = follow
        self._loud, self._active = RunningMean(assumed), RunningMean(assumed)
        self._recent: deque[float] = deque(maxlen=NOISE_BLOCKS)

    @property
    def gain(self) -> float:
        """Factor that brings the speech to `TARGET_DB`."""
        return power_gain(float(self._active.value()))

    def hear(self, power: float) -> bool:
        """Take in the power of the next block; whether it is followed as speech."""
        if not self._follow:
            return False
        self._recent.append(power)
        floor = NOISE_RATIO * min(self._recent)
        if power <= max(floor, 10 ** (ABSOLUTE_GATE_DB / 10)):
            return False
        self._loud.add(power)
        if power < self._loud.value() * 10 ** (RELATIVE_GATE_DB / 10):
            return False
        self._active.add(power)
        return True
