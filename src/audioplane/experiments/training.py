"""Training inside an experiment, with its events as progress reports."""

from collections.abc import Iterable

from audioplane.progress import Progress, Report
from audioplane.train import Progress as Iterated
from audioplane.train import TrainEvent


def finish_training(events: Iterable[TrainEvent], name: str, report: Report) -> None:
    """Run a training to its end.

    Args:
        events: What the training yields.
        name: What is trained.
        report: Receives the progress.
    """
    for event in events:
        if isinstance(event, Iterated):
            note = f"loss {event.loss:.4f}  PSNR {event.psnr:.2f}  N {event.gaussians}"
            report(Progress(f"train {name}", event.iteration, event.total, note))
