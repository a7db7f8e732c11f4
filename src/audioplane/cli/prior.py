"""`audioplane prior`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from audioplane.cli.arguments import ExecutorArguments, Kind
from audioplane.cli.console import console, progress_reports
from audioplane.speech.kinds import DEFAULT_KIND


@dataclass(frozen=True)
class Prior:
    """Train an audio encoder on several people's speech and lips, for 'train --prior'. Run again
    after an interruption, it goes on where it was."""

    STOPPED: ClassVar[str] = "stopped; the same command goes on where it was"

    out: Path
    """The file."""
    subjects: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[SUBJECT...]")
    ] = ()
    """Folders that 'prepare' made, everybody once; their training frames are used."""
    held_out: Path | None = None
    """Folder of somebody else, on whom the prior is scored."""
    speech: Kind = DEFAULT_KIND
    """Kind of speech features; computed where a subject lacks them."""
    synthetic: int = 0
    """Synthetic speakers to learn from beside the subjects; the prior that is shipped is of 20."""
    iterations: int = 4_000
    """One takes one person's batch of speech, some 20 ms."""
    seed: int = 0
    """Same seed, same prior."""

    executor: Annotated[ExecutorArguments, tyro.conf.arg(name="")] = ExecutorArguments()

    def run(self) -> None:
        from audioplane.cli.training import signals_set
        from audioplane.experiments.prior import PriorTask, train_prior_on
        from audioplane.prepare import complete_subject
        from audioplane.subject import load_subject
        from audioplane.train import PriorConfig

        config = PriorConfig(
            speech=self.speech,
            iterations=self.iterations,
            seed=self.seed,
            synthetic=self.synthetic,
        )
        subjects = tuple(path.resolve() for path in self.subjects)
        held_out = self.held_out.resolve() if self.held_out else None
        people = [load_subject(path) for path in (*subjects, *([held_out] if held_out else []))]
        task = PriorTask(subjects, self.out.resolve(), config, held_out)
        with signals_set() as stop, progress_reports(self) as report:
            for person in people:
                if stop.is_set():
                    raise KeyboardInterrupt
                complete_subject(person, self.speech, report=report)
            written = train_prior_on(self.executor.open(), task, stop, report)
        if written is None:
            raise KeyboardInterrupt
        console.print(f"{self.out}: sha256 {written.sha256[:12]}")
        if score := written.score:
            console.print(
                f"held out: MAC {score.mac:.2f}, LMD {score.lmd:.2f} px (mean mouth "
                f"{score.mean_mouth:.2f})"
            )
