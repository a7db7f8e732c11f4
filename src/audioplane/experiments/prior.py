"""A prior's training as work for an executor."""

import threading
from dataclasses import dataclass
from pathlib import Path

from audioplane.errors import TrainingError
from audioplane.executors import Executor, Lost
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
    """

    def heard(task: PriorTask, progress: Progress) -> None:
        report(progress)

    for _, result in executor.run(_train, [task], heard, stop):
        if isinstance(result, Lost):
            raise TrainingError(f"{task.out}: {result.reason}")
        return result
    return None


def _train(task: PriorTask, report: Report, stop: threading.Event) -> PriorWritten | None:
    subjects = [load_subject(path) for path in task.subjects]
    held_out = load_subject(task.held_out) if task.held_out else None
    for event in train_prior(subjects, task.out, task.config, held_out, stop):
        if isinstance(event, PriorWritten):
            return event
        report(Progress("prior", event.iteration, event.total, f"lip loss {event.loss:.3f}"))
    return None
