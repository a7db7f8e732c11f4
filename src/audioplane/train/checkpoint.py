"""Checkpoints: the same training goes on from one after an interruption, bit for bit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from audioplane.errors import TrainingError
from audioplane.run.head_file import todays_name
from audioplane.run.tensors import load_tensors, prefixed, reading, save_tensors, under
from audioplane.train.config import TrainConfig

_RENAMED = {"averaged": "ema_count", "deaf": "collapsed_for"}
"""Facts of 0.1 → their names now."""
_NOT_THERE = {"extra_losses": {}, "ema_count": 0, "collapsed_for": 0}
"""What holds where an older checkpoint does not say."""


@dataclass(frozen=True)
class RunIdentity:
    """Which training a checkpoint is of."""

    config: TrainConfig
    extra_losses: dict[str, float]
    """Weight by name."""
    identity: str
    """Of the subject (`Subject.identity`)."""
    pose_ids: list[int]
    """img_id of the training frames."""

    def require_same(self, path: Path, facts: Mapping) -> None:
        """Raises `TrainingError` where a checkpoint's facts are of another training."""
        config = TrainConfig.from_json(facts["config"])
        if config != self.config or facts["extra_losses"] != self.extra_losses:
            raise TrainingError(f"{path} was made with other settings: choose another folder")
        if facts["identity"] != self.identity or facts["pose_ids"] != self.pose_ids:
            raise TrainingError(f"{path} was made of another subject: choose another folder")


def write_checkpoint(
    path: Path, run: RunIdentity, tensors: Mapping[str, Tensor], facts: Mapping[str, object]
) -> None:
    """Write tensors, and facts beside those of the run. Raises `MediaError` where it cannot."""
    save_tensors(path, tensors, {**asdict(run), **facts})


def read_checkpoint(path: Path, run: RunIdentity) -> tuple[dict[str, Tensor], dict]:
    """Tensors, on the CPU, and facts of a checkpoint, in the names of today.

    Raises `CheckpointError` if it cannot be read, `TrainingError` if it is of another training.
    """
    tensors, facts = load_tensors(path)
    tensors = {todays_name(name): x for name, x in tensors.items()}
    tensors |= prefixed("ema", under("average", tensors))  # 0.1
    facts = _NOT_THERE | {_RENAMED.get(name, name): value for name, value in facts.items()}
    with reading(path):
        run.require_same(path, facts)
    return tensors, facts
