"""`audioplane cross`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from audioplane.cli.arguments import Device
from audioplane.cli.console import console, output
from audioplane.cli.weights import SyncNetWeights


@dataclass(frozen=True)
class Cross:
    """Let every head speak every speech, and table how well the lips follow (paper, Table 5)."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Folders of training runs."""
    speech: tuple[Path, ...]
    """Sound files: other voices, other languages."""
    out: Path
    """Folder for cross.html, cross.json and a film of each pair."""
    subjects: tuple[Path, ...] = ()
    """The runs' subjects in order, if their folders have moved since the training."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up if not given."""
    weights: Annotated[SyncNetWeights, tyro.conf.arg(name="")] = SyncNetWeights()
    json: bool = False
    """Print what cross.json holds on standard output."""
    device: Device = "auto"
    """Where it draws; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import use_device
        from audioplane.experiments.cross.report import cross_table
        from audioplane.experiments.cross.run import run_cross

        device = use_device(self.device)
        syncnet, model = self.weights.find_syncnet(), self.face_landmarker
        rows = run_cross(self.runs, self.speech, self.out, self.subjects, model, device, syncnet)
        if self.json:
            sys.stdout.write((self.out / "cross.json").read_text() + "\n")
            return
        output.print(cross_table(rows))
        console.print(
            f"{self.out}: cross.html, cross.json, {len(self.runs) * len(self.speech)} films"
        )
