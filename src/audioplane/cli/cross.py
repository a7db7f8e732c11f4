"""`audioplane cross`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.table import Table

from audioplane.cli.arguments import Device, ExecutorArguments
from audioplane.cli.console import console, output, progress_reports
from audioplane.cli.device import use_device
from audioplane.cli.weights import SyncNetWeights
from audioplane.credentials.options import ProvenanceOptions

if TYPE_CHECKING:
    from audioplane.evaluate import Tools
    from audioplane.experiments.cross import CrossRow


@dataclass(frozen=True)
class Cross:
    """Drive every head with every speech and score how well the lips follow (paper, Table 5)."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Folders of training runs."""
    speech: tuple[Path, ...]
    """Sound files: other voices, other languages."""
    out: Path
    """Folder for cross.html, cross.json and a video of each pair."""
    subjects: tuple[Path, ...] = ()
    """The runs' subjects in order, if their folders have moved since the training."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up if not given."""
    weights: Annotated[SyncNetWeights, tyro.conf.arg(name="")] = SyncNetWeights()
    provenance: Annotated[ProvenanceOptions, tyro.conf.arg(name="")] = ProvenanceOptions()
    executor: Annotated[ExecutorArguments, tyro.conf.arg(name="")] = ExecutorArguments()
    json: bool = False
    """Print the contents of cross.json on standard output."""
    device: Device = "auto"
    """Device; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.experiments.cross import cross
        from audioplane.experiments.cross.report import to_json

        executor = self.executor.open()
        device = use_device(self.device)
        with progress_reports(self) as report:
            rows = cross(
                self.runs,
                self.speech,
                self.out,
                self.subjects,
                self._tools,
                device,
                self.provenance,
                report,
                executor,
            )
        if self.json:
            sys.stdout.write(to_json(rows) + "\n")
            return
        output.print(cross_table(rows))
        output.print(phone_table(rows))
        videos = sum(row.film is not None for row in rows)
        console.print(f"{self.out}: cross.html, cross.json, {videos} videos")

    def _tools(self) -> Tools:
        from audioplane.evaluate import Tools

        return Tools(self.face_landmarker, syncnet=self.weights.find_syncnet())


def cross_table(rows: Sequence[CrossRow]) -> Table:
    """The scores for the terminal."""
    from audioplane.experiments.cross.report import COLUMNS, NOTES, cells, reasons

    shown = Table(title="cross-driven", title_justify="left")
    for i, name in enumerate(COLUMNS):
        shown.add_column(name, justify="right" if i > 1 else "left", overflow="fold")
    for line in cells(rows):
        shown.add_row(*(cell or "" for cell in line))
    shown.caption = "\n".join([*reasons(rows), *NOTES])
    shown.caption_justify = "left"
    return shown


def phone_table(rows: Sequence[CrossRow]) -> Table:
    """The lips against the phones, for the terminal."""
    from audioplane.evaluate.scores.visemes import COLUMNS, VISEME_NOTE
    from audioplane.experiments.cross.report import phone_cells

    shown = Table(title="lips and phones", title_justify="left")
    for i, name in enumerate(("head", "speech", *COLUMNS)):
        shown.add_column(name, justify="right" if i > 1 else "left", overflow="fold")
    for line in phone_cells(rows):
        shown.add_row(*(cell or "" for cell in line))
    shown.caption, shown.caption_justify = VISEME_NOTE, "left"
    return shown
