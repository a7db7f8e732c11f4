"""`audioplane prior`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from audioplane.cli.arguments import Kind
from audioplane.cli.console import console, progress_bar
from audioplane.speech.kinds import DEFAULT_KIND


@dataclass(frozen=True)
class Prior:
    """Train an audio encoder on several people's speech and lips, for 'train --prior'. Run again
    after an interruption, it goes on where it was."""

    STOPPED: ClassVar[str] = "stopped; the same command goes on where it was"

    subjects: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders that 'prepare' made, everybody once; their training frames are used."""
    out: Path
    """The file."""
    held_out: Path | None = None
    """Folder of somebody else, on whom the prior is scored."""
    speech: Kind = DEFAULT_KIND
    """Kind of speech features; 'audioplane speech' adds it to a subject."""
    iterations: int = 3_000
    """One takes one person's batch of speech, some 20 ms."""
    seed: int = 0
    """Same seed, same prior."""

    def run(self) -> None:
        from audioplane.cli.training import signals_set
        from audioplane.errors import TrainingError
        from audioplane.subject import load_subject
        from audioplane.train import PriorConfig, train_prior
        from audioplane.train.prior_training import PriorProgress

        subjects = [load_subject(path) for path in self.subjects]
        held_out = load_subject(self.held_out) if self.held_out else None
        config = PriorConfig(speech=self.speech, iterations=self.iterations, seed=self.seed)
        with signals_set() as stop, progress_bar() as bar:
            task = bar.add_task("prior", total=config.iterations, note="")
            for event in train_prior(subjects, self.out, config, held_out, stop):
                if isinstance(event, PriorProgress):
                    note = f"lip loss {event.loss:.3f}"
                    bar.update(task, completed=event.iteration, note=note)
                    continue
                console.print(f"{event.path}: sha256 {event.sha256[:12]}")
                if score := event.score:
                    console.print(
                        f"held out: MAC {score.mac:.2f}, LMD {score.lmd:.2f} px (mean mouth "
                        f"{score.mean_mouth:.2f})"
                    )
        if stop.is_set():
            raise TrainingError("stopped; a checkpoint is kept, the same command goes on from it")
