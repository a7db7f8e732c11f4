"""A prior's training as work for an executor."""

import threading
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from audioplane.executors import Executor, complete
from audioplane.progress import Progress, Report, ignore
from audioplane.subject import load_subject
from audioplane.train import PriorConfig, train_prior
from audioplane.train.prior_training import PriorWritten


@dataclass(frozen=True)
class PriorTask:
    """What a prior is trained on; on other machines the folders have to be where they are here."""

    subjects: tuple[Path, ...]
    out: Path
    config: PriorConfig
    held_out: Path | None = None


def train_prior_on(
    executor: Executor, task: PriorTask, stop: threading.Event, report: Report = ignore
) -> PriorWritten | None:
    """Train a prior where an executor works.

    Returns:
        What was written; None if it was stopped.

    Raises:
        TrainingError, CheckpointError, SubjectError: As `train_prior`.
        WorkError: It failed in another process or on another machine.
    """
    results = complete(executor, _train, [task], attrgetter("out"), report, stop)
    return next((written for _, written in results), None)


def _train(task: PriorTask, report: Report, stop: threading.Event) -> PriorWritten | None:
    subjects = [load_subject(path) for path in task.subjects]
    held_out = load_subject(task.held_out) if task.held_out else None
    written = None
    for event in train_prior(subjects, task.out, task.config, held_out, stop):
        if isinstance(event, PriorWritten):
            written = event  # the training still removes its checkpoint
        else:
            report(Progress("prior", event.iteration, event.total, f"lip loss {event.loss:.3f}"))
    return written
