"""A training run in its folder: starts or goes on, and writes down what it says."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from audioplane import __version__
from audioplane.errors import TrainingError
from audioplane.perceptual import LPIPS
from audioplane.run import RunPaths
from audioplane.subject import Subject
from audioplane.train.config import TrainConfig, name_loss
from audioplane.train.events import Progress, TrainEvent
from audioplane.train.trainer import Trainer

_LOG_EVERY = 100


def train_head(
    subject: Subject,
    config: TrainConfig,
    out: Path,
    device: torch.device | str = "cpu",
    lpips: LPIPS | None = None,
) -> Iterator[TrainEvent]:
    """Train into a run folder; one that was interrupted goes on from its last checkpoint.

    It may go on on another device; bit for bit the same it ends on the CPU only. `lpips` is needed
    where the settings give it a weight.

    Raises `TrainingError` if the folder cannot be written or holds a run with other settings,
    `CheckpointError` if its last checkpoint is damaged.
    """
    paths = RunPaths(Path(out))
    trainer = Trainer(subject, config, device, lpips)
    if latest := paths.latest():
        trainer.resume(latest)
    facts = {
        "subject": os.path.relpath(subject.paths.root, paths.root),
        "config": asdict(config),
        "loss": name_loss(config),
        "device": str(device),
        "versions": {
            "audioplane": __version__,
            "torch": version("torch"),
            "numba": version("numba"),
        },
    }
    try:
        paths.checkpoints.mkdir(parents=True, exist_ok=True)
        paths.config.write_text(json.dumps(facts, indent=1))
        log = paths.events.open("a")
    except OSError as e:
        raise TrainingError(f"{out} cannot be written ({e}): choose another --out") from e
    with log:
        for event in trainer.run(paths.root):
            if not isinstance(event, Progress) or event.iteration % _LOG_EVERY == 0:
                kind = type(event).__name__
                log.write(json.dumps({"event": kind, **asdict(event)}, default=str) + "\n")
                log.flush()
            yield event
    if not paths.head.exists():
        with trainer.kept_weights():
            trainer.save_head(paths.head)
