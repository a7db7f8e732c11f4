"""A training behind a progress bar."""

import math
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from audioplane.cli.console import console, progress_bar
from audioplane.train import CheckpointSaved, Progress, TrainEvent, Validated


@contextmanager
def signals_set() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second signal does what it does elsewhere."""
    stop, before = threading.Event(), {}

    def handle(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show_training(events: Iterable[TrainEvent]) -> None:
    """Run a training to its end and tell how it goes."""
    with progress_bar() as bar:
        task = bar.add_task("train", total=None, note="")
        for event in events:
            match event:
                case Progress():
                    note = f"loss {event.loss:.4f}  PSNR {event.psnr:.2f}  N {event.gaussians}"
                    if event.stage == "fine":
                        if not math.isnan(event.audio_spread):
                            note += f"  f_a ±{event.audio_spread:.2f}"
                        note += f"  g {event.dynamism_mouth:.2f}/{event.dynamism_face:.2f}"
                    bar.update(
                        task,
                        description=event.stage,
                        completed=event.iteration,
                        total=event.total,
                        note=note,
                    )
                case Validated():
                    kept = ", kept" if event.kept else ", worse than before: not kept"
                    console.print(
                        f"iteration {event.iteration}: unseen frames PSNR {event.psnr:.2f} dB, "
                        f"mouth error {event.mouth_l1:.4f}{kept}",
                    )
                case CheckpointSaved():
                    pass
