"""Losses, density control, the two stages, checkpoints."""

from audioplane.train.config import PRESETS, TrainConfig
from audioplane.train.events import CheckpointSaved, Progress, TrainEvent, Validated
from audioplane.train.losses import ExtraLosses, Step
from audioplane.train.run import train_head
from audioplane.train.trainer import Trainer

__all__ = [
    "PRESETS",
    "CheckpointSaved",
    "ExtraLosses",
    "Progress",
    "Step",
    "TrainConfig",
    "TrainEvent",
    "Trainer",
    "Validated",
    "train_head",
]
