"""A training run in its folder: it starts or goes on, and its events are logged."""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from audioplane import __version__
from audioplane.assets import write_text
from audioplane.errors import TrainingError
from audioplane.perceptual import LPIPS
from audioplane.run import RunPaths, read_head, write_head
from audioplane.subject import Subject, check_subject
from audioplane.train.config import TrainConfig, checked
from audioplane.train.detail import learn_detail
from audioplane.train.events import Progress, TrainEvent
from audioplane.train.lock import lock
from audioplane.train.losses import ExtraLosses
from audioplane.train.prior import Prior
from audioplane.train.trainer import Trainer

_LOG_EVERY = 100


def train_head(
    subject: Subject,
    config: TrainConfig,
    out: Path,
    device: torch.device | str = "cpu",
    lpips: LPIPS | None = None,
    stop: threading.Event | None = None,
    extra_losses: ExtraLosses | None = None,
    prior: Prior | None = None,
) -> Iterator[TrainEvent]:
    """Train into a run folder; one that was interrupted goes on from its last checkpoint.

    Args:
        subject: Whom to learn.
        config: All settings; a run goes on with the same.
        out: The run folder, which is made.
        device: Where it trains. A run may go on on another; on the CPU alone it ends with the same
            bits.
        lpips: Needed where the settings give it a weight.
        stop: Once it is set, a checkpoint is written after the iteration at work, and the last
            event is its `CheckpointSaved`; a detail map that is not begun is left to the next call.
        extra_losses: Losses of your own, name → (weight, function of a `Step`); a run goes on with
            the same names and weights.
        prior: What audio encoder and prototypes start from; a run goes on with the same.

    Raises:
        TrainingError: A setting is none of a training's; the folder cannot be written, holds a run
            with other settings, or another training is at work in it; or the training had to stop.
        CheckpointError: Its last checkpoint is damaged.
        SubjectError, MediaError: The subject lacks something that training needs.
    """
    config, paths = checked(config), RunPaths(Path(out))
    check_subject(subject).require_whole()
    trainer = Trainer(subject, config, device, lpips, extra_losses, prior)
    facts = {
        "subject": os.path.relpath(subject.paths.root.resolve(), paths.root.resolve()),
        "config": asdict(trainer.config),
        "loss": trainer.loss_name,
        "device": str(device),
        "versions": {
            "audioplane": __version__,
            "torch": version("torch"),
            "numba": version("numba"),
        },
    }
    try:
        paths.checkpoints.mkdir(parents=True, exist_ok=True)
        log = paths.events.open("a")
    except OSError as e:
        raise TrainingError(f"{out} cannot be written ({e}): choose another folder") from e
    with log:
        lock(log, out)
        if latest := paths.latest():
            trainer.resume(latest)
        write_text(paths.config, json.dumps(facts, indent=1))
        for event in trainer.run(paths.root, stop):
            if not isinstance(event, Progress) or event.iteration % _LOG_EVERY == 0:
                log.write(as_line(event) + "\n")
                log.flush()
            yield event
        if trainer.iteration < trainer.total:
            return
        if not paths.head.exists():
            with trainer.kept_weights():
                trainer.save_head(paths.head)
        if trainer.config.model.detail and not (stop is not None and stop.is_set()):
            _add_detail(paths.head, subject)


def is_complete(out: Path, config: TrainConfig) -> bool:
    """Whether a training of these settings, with all decided, left nothing to do in its folder."""
    paths = RunPaths(Path(out))
    if not paths.head.exists() or paths.latest() != paths.checkpoint(config.iterations):
        return False
    return not config.model.detail or read_head(paths.head).head.detail is not None


def _add_detail(path: Path, subject: Subject) -> None:
    trained = read_head(path)
    if trained.head.detail is None:
        trained.head.detail = learn_detail(trained, subject)
        write_head(path, trained)


def as_line(event: TrainEvent) -> str:
    """An event as JSON; a number that does not exist yet is null."""
    facts = {k: None if v != v else v for k, v in asdict(event).items()}
    return json.dumps({"event": type(event).__name__, **facts}, default=str, allow_nan=False)
