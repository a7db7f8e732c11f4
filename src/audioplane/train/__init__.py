"""Losses, density control, the two stages, checkpoints."""

from audioplane.train.config import PRESETS, TrainConfig
from audioplane.train.events import CheckpointSaved, Progress, TrainEvent, Validated
from audioplane.train.losses import ExtraLosses, Step
from audioplane.train.prior import Prior, read_prior
from audioplane.train.prior_training import PriorConfig, PriorEvent, train_prior
from audioplane.train.run import train_head
from audioplane.train.trainer import Trainer

__all__ = [
    "PRESETS",
    "CheckpointSaved",
    "ExtraLosses",
    "Prior",
    "PriorConfig",
    "PriorEvent",
    "Progress",
    "Step",
    "TrainConfig",
    "TrainEvent",
    "Trainer",
    "Validated",
    "read_prior",
    "train_head",
    "train_prior",
]
