"""`audioplane evaluate`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.table import Table

from audioplane.cli.arguments import Device, RunArgument, beside
from audioplane.cli.console import console, output, progress_reports
from audioplane.cli.device import use_device
from audioplane.cli.weights import ScoreWeights

if TYPE_CHECKING:
    from audioplane.evaluate import ScoreReport


@dataclass(frozen=True)
class Evaluate:
    """Score a trained head on its held-out frames; report.html shows the results."""

    run_folder: RunArgument
    """Folder of a training run; a pack with --subject."""
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
    """Print the contents of metrics.json on standard output."""
    device: Device = "auto"
    """Device; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.evaluate import evaluate
        from audioplane.run import open_run

        out = self.out or beside(self.run_folder, "evaluation")
        device, run = use_device(self.device), open_run(self.run_folder, self.subject)
        _ = run.subject  # what is not there is told of before weights are fetched
        lpips, syncnet = self.weights.find(), self.weights.find_syncnet()
        with progress_reports() as report:
            evaluation = evaluate(
                run,
                out=out,
                poses=self.poses,
                lpips=lpips,
                syncnet=syncnet,
                landmarker=self.face_landmarker,
                device=device,
                report=report,
            )
        if self.json:
            sys.stdout.write(evaluation.to_json() + "\n")
            return
        for kind, scores in evaluation.reports.items():
            output.print(f"\nheld-out poses {kind}")
            output.print(score_table(scores))
        console.print(f"{out}: report.html, metrics.json; videos and contact sheet of each")


def score_table(scores: ScoreReport) -> Table:
    """The means as a table for the terminal."""
    from audioplane.evaluate.report import REGIONS

    table = Table(title=f"{len(scores.frames)} held-out frames", title_justify="left")
    table.add_column("metric")
    for name in REGIONS:
        table.add_column(name, justify="right")
    for row in scores.rows():
        table.add_row(row.label, *(cell or "" for cell in row.cells))
    source = [f"mouth read by: {scores.lips.source}"] if scores.lips.source else []
    reasons = [f"{name}: {reason}" for name, reason in scores.reasons.items()]
    table.caption = "\n".join([*source, *scores.notes, *reasons])
    table.caption_justify = "left"
    return table
