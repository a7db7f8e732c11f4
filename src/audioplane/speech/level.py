"""Loudness of speech, so that features do not depend on the distance of the microphone.

The level is the mean power of the stretches in which somebody speaks, found by two gates as in
ITU-R BS.1770: one absolute, one relative to what passes the first. Silence around or within the
speech therefore does not change it.
"""

from collections import deque

import numpy as np
from jaxtyping import Bool, Float, Float64

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import SpeechError
from audioplane.speech.window import STEP

TARGET_DB = -23.0
"""Mean level of active speech in features, dB relative to full scale."""
ABSOLUTE_GATE_DB = -70.0
"""Absolute gate: quieter blocks are never speech."""
RELATIVE_GATE_DB = -15.0
"""Relative gate: blocks this far below the mean of what passed the absolute gate are pauses."""
MAX_GAIN_DB = 40.0
"""Largest gain, so that hiss is not amplified to speech."""
CLIPPED_DB = 8.0
"""Crest factor below which speech counts as clipped (docs/decisions/experiments.md)."""
BLOCK = STEP
"""Samples of a block: 20 ms, one feature step."""
FADE = 50
"""Blocks of speech (1 s) after which a stream's assumed statistics weigh half."""
LONGEST = 3000
"""Blocks (1 min) that a running mean covers."""
NOISE_BLOCKS, NOISE_RATIO = 500, 8.0
"""In a stream, blocks under so many times (9 dB) the faintest of the last 10 s are the room's
noise: there, long silence must not be taken for faint speech."""
PAUSE = 8
"""Frames (0.32 s) around an active one that still belong to the speech."""
LOUDEST = 16.0
"""Magnitude of samples that cannot have been meant to lie in [−1, 1]."""


def check_samples(sound: np.ndarray, first: int = 0) -> None:
    """Check that a sound, from its sample `first` on, is mono, of finite numbers and not far
    above 1.

    Raises `SpeechError`.
    """
    if sound.ndim != 1:
        raise SpeechError(
            f"the waveform has shape {sound.shape}, expected [samples]: average its channels"
        )
    if sound.dtype.kind not in "fiub" or sound.dtype.itemsize > 8:  # as some longdouble
        raise SpeechError(
            f"the waveform holds {sound.dtype}, expected numbers of up to 64 bits in [-1, 1]"
        )
    peaks = [float(sound.max(initial=0.0)), -float(sound.min(initial=0.0))]
    if max(peaks) <= LOUDEST and min(peaks) <= LOUDEST:
        return
    finite = np.isfinite(peaks).all()
    at = int((np.abs(sound) > LOUDEST if finite else ~np.isfinite(sound)).argmax())
    found = f"{sound[at]:g} at {(first + at) / SAMPLE_RATE:.3f} s"
    if not finite:
        raise SpeechError(f"the waveform holds {found}: every sample has to be a finite number")
    raise SpeechError(
        f"the waveform holds {found}, expected samples in [-1, 1]: divide 16-bit samples by 32768"
    )


def block_power(sound: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " b"]:
    """Mean power of every whole block."""
    blocks = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.einsum("bi,bi->b", blocks, blocks, dtype=np.float64) / BLOCK


def active_blocks(power: Float64[np.ndarray, " b"]) -> Bool[np.ndarray, " b"]:
    """Which blocks of these powers hold speech rather than a pause."""
    loud = power > 10 ** (ABSOLUTE_GATE_DB / 10)
    if not loud.any():
        return loud
    return loud & (power >= power[loud].mean() * 10 ** (RELATIVE_GATE_DB / 10))


def power_gain(power: float) -> float:
    """Factor that brings speech of a mean power to `TARGET_DB`."""
    gain_db = TARGET_DB - 10 * np.log10(power)
    return float(10 ** (min(gain_db, MAX_GAIN_DB) / 20))


class RunningMean:
    """Running mean of a stream of values that starts from an assumed one."""

    def __init__(self, assumed: float | np.ndarray):
        self._assumed, self._sum, self._count = assumed, np.zeros_like(assumed, np.float64), 0.0

    def add(self, value: float | np.ndarray) -> None:
        """Add the next value."""
        self._sum, self._count = self._sum + value, self._count + 1
        if self._count > LONGEST:
            self._sum, self._count = self._sum * (LONGEST / self._count), float(LONGEST)

    def value(self, offset: float = 0.0) -> np.ndarray:
        """The mean, where `offset` is added to all values but the assumed one."""
        weight = max(0.0, FADE - self._count)
        came = self._sum + self._count * offset
        return np.asarray((weight * self._assumed + came) / (weight + self._count))


class RunningLevel:
    """`Speech.gain` of a stream, by the sound so far."""

    def __init__(self, assumed: float):
        """`assumed`: mean power of active speech."""
        self._loud, self._active = RunningMean(assumed), RunningMean(assumed)
        self._faintest: deque[tuple[int, float]] = deque()
        """Of the last `NOISE_BLOCKS` blocks those that are fainter than all after them: number and
        power."""
        self._blocks = 0

    @property
    def level(self) -> float:
        """Mean power of the speech."""
        return float(self._active.value())

    @property
    def gain(self) -> float:
        """Factor that brings the speech to `TARGET_DB`."""
        return power_gain(self.level)

    def update(self, power: float) -> bool:
        """Add the power of the next block; returns whether it counts as speech."""
        while self._faintest and self._faintest[-1][1] >= power:
            self._faintest.pop()
        self._faintest.append((self._blocks, power))
        self._blocks += 1
        if self._faintest[0][0] < self._blocks - NOISE_BLOCKS:
            self._faintest.popleft()
        floor = NOISE_RATIO * self._faintest[0][1]
        if power <= max(floor, 10 ** (ABSOLUTE_GATE_DB / 10)):
            return False
        self._loud.add(power)
        if power < self._loud.value() * 10 ** (RELATIVE_GATE_DB / 10):
            return False
        self._active.add(power)
        return True
