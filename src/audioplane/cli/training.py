"""A training behind a progress bar."""

import math
from collections.abc import Iterable

from audioplane.cli.console import console, progress_bar
from audioplane.train import CheckpointSaved, Progress, TrainEvent, Validated


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
