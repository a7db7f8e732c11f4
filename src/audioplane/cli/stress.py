"""`audioplane stress`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from audioplane.cli.arguments import Device
from audioplane.cli.console import console, output


@dataclass(frozen=True)
class Stress:
    """See what a head makes of silence, noise, music and shouting: does it rest, does it tear?"""

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of a training run."""
    out: Path | None = None
    """Folder for stress.html and stress.json; RUN/stress if not given."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up if not given."""
    json: bool = False
    """Print what stress.json holds on standard output."""
    device: Device = "auto"
    """Where it draws; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import use_device
        from audioplane.experiments.stress.run import run_stress

        out = self.out or self.run_folder / "stress"
        device = use_device(self.device)
        report = run_stress(self.run_folder, out, self.subject, self.face_landmarker, device)
        if self.json:
            sys.stdout.write((out / "stress.json").read_text() + "\n")
            return
        output.print(report.to_table())
        console.print(f"{out}: stress.html, stress.json")
