"""`audioplane evaluate`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from audioplane.cli.arguments import Device
from audioplane.cli.console import console, output
from audioplane.cli.weights import ScoreWeights


@dataclass(frozen=True)
class Evaluate:
    """Score a trained head on the frames that it never saw: report.html shows what came out."""

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of a training run."""
    out: Path | None = None
    """Folder for report.html and metrics.json; RUN/evaluation if not given."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up if not given."""
    poses: Literal["tracked", "refined", "both"] = "both"
    """Poses of the held-out frames: as tracked, or refined against them with the head frozen."""
    weights: Annotated[ScoreWeights, tyro.conf.arg(name="")] = ScoreWeights()
    json: bool = False
    """Print what metrics.json holds on standard output."""
    device: Device = "auto"
    """Where it draws; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.evaluate.run import evaluate_run
        from audioplane.splat.device import choose_device

        out, device = self.out or self.run_folder / "evaluation", choose_device(self.device)
        lpips, syncnet = self.weights.find(), self.weights.find_syncnet()
        model = self.face_landmarker
        evaluation = evaluate_run(
            self.run_folder, out, self.subject, model, self.poses, device, lpips, syncnet
        )
        if self.json:
            sys.stdout.write(evaluation.to_json() + "\n")
            return
        for name, report in evaluation.reports.items():
            output.print(f"\nheld-out poses {name}")
            output.print(report.to_table())
        console.print(f"{out}: report.html, metrics.json; film and contact sheet of each")
