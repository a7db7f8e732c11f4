"""What a running training says; progress bars, logs and pages subscribe."""

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Progress:
    """State after an iteration; loss and PSNR are running means."""

    iteration: int
    total: int
    stage: str
    """"coarse" or "fine"."""
    loss: float
    psnr: float
    """dB, inside the head's box."""
    gaussians: int
    audio_spread: float
    """Standard deviation of f_a between frames; nan in the coarse stage."""
    dynamism_mouth: float = math.nan
    """Mean of the dynamic map g inside the mask m (Eq. 8, 9); nan in the coarse stage."""
    dynamism_face: float = math.nan
    """The same on the rest of the head."""


@dataclass(frozen=True)
class Validated:
    """Result on the validation slice."""

    iteration: int
    mouth_l1: float
    """Mean absolute error in the mouth's mask, 0 to 1."""
    psnr: float
    kept: bool
    """Whether `drive` takes this head: its mouth error is within a quarter of the least so far."""


@dataclass(frozen=True)
class CheckpointSaved:
    """A checkpoint stands on disk."""

    iteration: int
    path: Path


TrainEvent = Progress | Validated | CheckpointSaved


@dataclass
class RunningMeans:
    """Means over about the last fifty iterations; nan before the first."""

    loss: float = math.nan
    psnr: float = math.nan
    spread: float = math.nan
    inside: float = math.nan
    """Mean of the dynamic map inside the mask m."""
    outside: float = math.nan

    def add(self, **values: float) -> None:
        """Take in the values of an iteration."""
        for name, value in values.items():
            old = getattr(self, name)
            setattr(self, name, value if math.isnan(old) else 0.98 * old + 0.02 * value)
