"""`audioplane stress`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from audioplane.cli.arguments import Device, RunArgument, beside
from audioplane.cli.console import console, output, progress_reports
from audioplane.cli.device import use_device

if TYPE_CHECKING:
    from audioplane.experiments.stress import StressReport


@dataclass(frozen=True)
class Stress:
    """Test a head with silence, noise, music and shouting: does it rest, does it tear?"""

    run_folder: RunArgument
    """Folder of a training run; a pack with --subject."""
    out: Path | None = None
    """Folder for stress.html and stress.json; RUN/stress if not given."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up if not given."""
    json: bool = False
    """Print the contents of stress.json on standard output."""
    device: Device = "auto"
    """Device; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.experiments.stress import stress

        out, device = self.out or beside(self.run_folder, "stress"), use_device(self.device)
        with progress_reports() as report:
            found = stress(
                self.run_folder,
                subject=self.subject,
                out=out,
                landmarker=self.face_landmarker,
                device=device,
                report=report,
            )
        if self.json:
            sys.stdout.write(found.to_json() + "\n")
            return
        output.print(stress_table(found))
        output.print(rest_table(found))
        output.print(phone_table(found))
        console.print(f"{out}: stress.html, stress.json")


def stress_table(report: StressReport) -> Table:
    """The figures and findings for the terminal."""
    from audioplane.experiments.stress.report import COLUMNS

    shown = Table(title=report.head, title_justify="left")
    for i, name in enumerate(COLUMNS):
        shown.add_column(name, justify="right" if i else "left")
    for cells in report.cells():
        shown.add_row(*(cell or "" for cell in cells))
    shown.caption = "\n".join(f"{'✓' if good else '✗'} {text}" for text, good in report.findings)
    shown.caption_justify = "left"
    return shown


def phone_table(report: StressReport) -> Table:
    """The lips against the phones, for the terminal."""
    from audioplane.evaluate.scores.visemes import COLUMNS, VISEME_NOTE

    shown = Table(title="lips and phones", title_justify="left")
    for i, name in enumerate(("sound", *COLUMNS)):
        shown.add_column(name, justify="right" if i else "left", overflow="fold")
    for cells in report.phone_cells():
        shown.add_row(*(cell or "" for cell in cells))
    shown.caption = report.recorded.missing or VISEME_NOTE
    shown.caption_justify = "left"
    return shown


def rest_table(report: StressReport) -> Table:
    """The mouth after speech, for the terminal."""
    from audioplane.experiments.stress.rest import COLUMNS

    shown = Table(title="rest after speech", title_justify="left")
    for i, name in enumerate(COLUMNS):
        shown.add_column(name, justify="right" if i else "left")
    for rest in report.rests:
        shown.add_row(*(cell or "" for cell in rest.cells()))
    return shown
