"""`audioplane drive`."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from audioplane.cli.arguments import Device, PathArgument
from audioplane.cli.console import console
from audioplane.credentials.options import ProvenanceOptions


@dataclass(frozen=True)
class Drive:
    """Let a trained head speak: any sound of any length becomes a video."""

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of a training run."""
    speech: PathArgument
    """Sound or video file with the speech."""
    out: Path
    """The video to write, mp4: 25 frames a second, H.264 and AAC."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""
    speech_model: Path | None = None
    """File or folder of the network, if the head was trained on what one hears; looked up if not
    given."""
    articulation: float = 1.0
    """How far the lips move, as a multiple of what the head learned: heads that are not sure of a
    voice mumble, 1.5 opens their mouths."""
    crf: int = 18
    """H.264 quality, 0 (lossless) to 51 (worst)."""
    provenance: Annotated[ProvenanceOptions, tyro.conf.arg(name="")] = ProvenanceOptions()
    device: Device = "auto"
    """Where it draws; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.drive.talker import Manner, drive_file
        from audioplane.splat.device import choose_device

        started = time.perf_counter()
        device = choose_device(self.device)
        files = (self.run_folder, self.speech, self.out)
        manner = Manner(self.subject, self.speech_model, self.articulation, self.crf)
        n = drive_file(*files, self.provenance, manner, device)
        rate = n / (time.perf_counter() - started)
        console.print(f"{self.out}: {n / 25:.2f} s, {rate:.1f} frames/s from file to file")
