"""Losses, density control, the two stages, checkpoints."""

from audioplane.train.config import PRESETS, TrainConfig
from audioplane.train.events import CheckpointSaved, Progress, TrainEvent, Validated
from audioplane.train.trainer import Trainer

__all__ = [
    "PRESETS",
    "CheckpointSaved",
    "Progress",
    "TrainConfig",
    "TrainEvent",
    "Trainer",
    "Validated",
]
