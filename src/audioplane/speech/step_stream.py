"""The interface of feature kinds that can be streamed."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from audioplane.speech.bands import BANDS, TYPICAL_DB
from audioplane.speech.level import TARGET_DB
from audioplane.speech.sound import Speech
from audioplane.speech.window import STEP, STEPS_PER_FRAME, WINDOW

AFTER_FRAME = (WINDOW // 2 - STEPS_PER_FRAME // 2) * STEP
"""Samples after its frame's end at which a window ends."""


@dataclass(frozen=True)
class StreamStatistics:
    """Statistics of a speaker and a microphone from which a stream's running means start. By
    default, those of typical speech."""

    level: float = 10 ** (TARGET_DB / 10)
    """Mean power of active speech."""
    bands: Float[np.ndarray, " 80"] = field(
        default_factory=lambda: np.full(BANDS, TYPICAL_DB, np.float32)
    )
    """Mean power in every mel band of active speech, dB, when it is at `level.TARGET_DB`."""
    own: Mapping[str, str] = field(default_factory=dict)
    """What a feature kind keeps for itself, by its name (`StepStream.learn`)."""

    def with_own(self, kind: str, value: str) -> "StreamStatistics":
        """A copy with `own` for a kind."""
        return replace(self, own={**self.own, kind: value})


class StepStream(ABC):
    """Sound in, the feature steps that are settled out; `window.STEPS_BEFORE` steps of silence
    come first."""

    look_ahead: int
    """Samples after a frame's end that have to come before the frame's window is settled."""

    @abstractmethod
    def __init__(self, statistics: StreamStatistics):
        """Start from the speaker's statistics."""

    @abstractmethod
    def push(self, sound: Float[np.ndarray, " n"]) -> Float[np.ndarray, "s f"]:
        """The steps that are settled now, after the next samples at 16 kHz."""

    @abstractmethod
    def predict(self) -> Float[np.ndarray, "s f"]:
        """The next steps as predicted now, at most up to the sound's end. `push` still returns them
        later."""

    @classmethod
    def learn(cls, speech: Speech, statistics: StreamStatistics) -> StreamStatistics:
        """Add this kind's statistics of the speaker of a recording (`with_own`)."""
        return statistics
