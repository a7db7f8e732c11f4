"""The command `compare`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich import box
from rich.table import Table

from audioplane.cli.console import console, output, progress_reports
from audioplane.cli.weights import ScoreWeights
from audioplane.errors import ComparisonError

if TYPE_CHECKING:
    from audioplane.evaluate import Tools
    from audioplane.experiments.compare import Comparison

TABLE_WIDTH = 110
"""Characters."""


@dataclass(frozen=True)
class Compare:
    """Score videos of any talking-head systems against the recording, by one protocol.

    Length, size, frame rate and offsets of images and sound are aligned, and reported.
    """

    videos: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TRUTH VIDEO [VIDEO ...]")
    ]
    """The recording (ground truth) first, then the videos to be scored."""
    out: Path
    """Folder for comparison.html and comparison.json."""
    names: tuple[str, ...] = ()
    """A name for each video after the first; the files' names if not given. A method of the
    paper's Table 4 (Wav2Lip, ER-NeRF, ours, ...) gets the published figures beside its own."""
    openface: tuple[Path, ...] = ()
    """OpenFace's csv of each video, the recording's first: adds AUE."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up or downloaded if not given."""
    weights: Annotated[ScoreWeights, tyro.conf.arg(name="")] = ScoreWeights()
    json: bool = False
    """Print the comparison as JSON on standard output."""

    def run(self) -> None:
        from audioplane.experiments.compare import compare
        from audioplane.experiments.compare.report import to_json

        if len(self.videos) < 2:
            raise ComparisonError("one video is no comparison: give the recording and others")
        truth, *others = self.videos
        with progress_reports() as report:
            comparison = compare(
                truth,
                others,
                names=self.names,
                out=self.out,
                find_tools=self._tools,
                openface=self.openface,
                report=report,
            )
        if self.json:
            sys.stdout.write(to_json(comparison) + "\n")
        else:
            output.print(comparison_table(comparison), crop=False)
        console.print(f"{self.out}: comparison.html, comparison.json")
        if comparison.failed:
            left_out = ", ".join(comparison.failed)
            raise ComparisonError(f"not all videos were scored: {left_out}, see above")

    def _tools(self) -> Tools:
        from audioplane.evaluate import Tools

        return Tools(self.face_landmarker, self.weights.find(), self.weights.find_syncnet())


def comparison_table(comparison: Comparison) -> Table:
    """The comparison for a terminal `TABLE_WIDTH` wide, the paper's figures under each name."""
    from audioplane.experiments.compare.report import (
        aligned,
        reasons,
        shown_columns,
        span_text,
        table_lines,
    )

    columns = shown_columns(comparison)
    table = Table(
        title=span_text(comparison),
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        width=TABLE_WIDTH,
    )
    table.add_column("method")
    for column in columns:
        table.add_column(column.title, justify="right", no_wrap=True)
    for row in table_lines(comparison):
        table.add_row(row.label, *row.cells, style="dim" if row.paper else None)
    lines = [f"{e.name}: {'; '.join(aligned(e, comparison))}" for e in comparison.entries]
    table.caption = "\n".join([*lines, *reasons(comparison)])
    table.caption_justify = "left"
    return table
