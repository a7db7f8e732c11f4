"""A training plan of seconds."""

import copy
from typing import Any

from audioplane.train import TrainConfig
from audioplane.train.config import (
    AudioConfig,
    DensityConfig,
    LearningRates,
    LossWeights,
    ModelConfig,
)

TINY = TrainConfig(
    speech="mel",
    coarse_iterations=40,
    fine_iterations=40,
    half_size_iterations=20,
    model=ModelConfig(moving="face"),
    loss=LossWeights(mouth=2.0, lips=0.1),
    rates=LearningRates(poses_from=10),
    density=DensityConfig(initial=200, maximum=400, first=10, until=60, every=10),
    audio=AudioConfig(run_length=8, noise=0.1, offset=0.2),
    validate_every=20,
    checkpoint_every=30,
)


def untyped(config: TrainConfig, name: str, value: Any) -> TrainConfig:
    """Settings with one as Python takes it where no types are checked."""
    config = copy.deepcopy(config)
    *group, last = name.split(".")
    object.__setattr__(getattr(config, group[0]) if group else config, last, value)
    return config
