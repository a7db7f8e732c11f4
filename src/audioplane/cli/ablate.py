"""`audioplane ablate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import tyro

from audioplane.cli.arguments import ExecutorArguments, SubjectArgument
from audioplane.cli.console import console, progress_reports
from audioplane.cli.weights import ScoreWeights


@dataclass(frozen=True)
class Ablate:
    """Train the variants of the paper's Tables 1 to 3 on a subject, scored beside the paper's.

    Continues where it was interrupted.
    """

    STOPPED: ClassVar[str] = "stopped; the same command continues"

    subject: SubjectArgument
    """Folder that 'prepare' made."""
    out: Path
    """Folder for the variants, report.html and report.json."""
    tables: tuple[Literal[1, 2, 3], ...] = (1, 2, 3)
    """Which tables: 1 Audio-Plane and dynamic splatting, 2 attention and fusion, 3 the margin."""
    budget: float = 120.0
    """Minutes for all variants together; each gets the same number of iterations."""
    preset: Literal["demo", "laptop", "paper"] = "laptop"
    """Settings that the variants share."""
    moving: Literal["all", "face"] = "all"
    """Which Gaussians the audio deforms: all, as in the paper, or those of the lower face."""
    seed: int = 0
    """Of every variant."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up if not given."""
    executor: Annotated[ExecutorArguments, tyro.conf.arg(name="")] = ExecutorArguments()
    weights: Annotated[ScoreWeights, tyro.conf.arg(name="")] = ScoreWeights()

    def run(self) -> None:
        from audioplane.evaluate import Tools
        from audioplane.experiments.ablate import ablate
        from audioplane.prepare import complete_subject
        from audioplane.subject import load_subject
        from audioplane.train import PRESETS

        config = PRESETS[self.preset].with_changes(model={"moving": self.moving}, seed=self.seed)
        subject, model = load_subject(self.subject), config.model
        executor = self.executor.open()
        tools = Tools(self.face_landmarker, self.weights.find(), self.weights.find_syncnet())
        tools.landmarker_file()  # a named one is there, or it ends here
        with progress_reports() as report:
            subject = complete_subject(
                subject, config.speech, model.torso, model.expression, report
            )
            ablate(
                subject.paths.root,
                self.out,
                config,
                self.tables,
                self.budget,
                tools,
                report,
                executor,
            )
        console.print(f"{self.out}: report.html, report.json")
