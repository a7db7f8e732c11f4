"""`audioplane drive`."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from audioplane.cli.arguments import Device, FaceArguments, RunArgument, check_motion
from audioplane.cli.console import console, in_flags, progress_reports
from audioplane.credentials.options import ProvenanceOptions
from audioplane.errors import MediaError


@dataclass(frozen=True)
class Drive:
    """Drive a trained head with any speech and write a video."""

    STOPPED: ClassVar[str] = "stopped; nothing was written"

    run_folder: RunArgument
    """Folder of a training run, or a pack."""
    speech: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SPEECH")]
    """Sound or video file with the speech, or a .npy of its features."""
    out: Path
    """The video to write, 25 frames a second: .mp4, .mov or .mkv with H.264 and AAC, .webm with VP9
    and Opus. With --background transparent: .webm, or a new folder for PNG images."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""
    speech_model: Path | None = None
    """File or folder of the network behind the head's speech features, if they need one; looked up
    if not given."""
    articulation: float = 1.0
    """How far the lips move, as a multiple of what the head learned. An unfamiliar voice can make a
    head mumble; 1.5 opens the mouth further."""
    poses: Path | None = None
    """How the head moves, if not as recorded: a table of poses (docs/poses.md), a transforms file,
    or the folder of a subject, of other people too; for heads trained with --torso model."""
    background: str | None = None
    """What is shown behind the head, instead of the recorded background: an image file, a colour
    (#rrggbb, black, white, grey, green or blue), or transparent (docs/backgrounds.md)."""
    seed: int = 0
    """Of the choice among the recorded stretches that the head moves by; another seed, another
    motion (docs/motion.md)."""
    face: Annotated[FaceArguments, tyro.conf.arg(name="")] = FaceArguments()
    crf: int = 18
    """Quality, 0 (lossless) to 51 (worst; webm: 63)."""
    audio_track: int | None = None
    """Number of the sound track that speaks, from 1; the one with speech if not given."""
    provenance: Annotated[ProvenanceOptions, tyro.conf.arg(name="")] = ProvenanceOptions()
    device: Device = "auto"
    """Device; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import use_device
        from audioplane.drive import Talker
        from audioplane.drive.output import check_drive_output
        from audioplane.media.container import require_file

        check_motion(self.poses, self.seed)
        if self.audio_track is not None and self.speech.suffix == ".npy":
            raise MediaError(f"audio_track={self.audio_track}: {self.speech} has no sound tracks")
        require_file(self.speech)
        transparent = self.background == "transparent"
        check_drive_output(self.out, self.speech, self.crf, transparent)
        started = time.perf_counter()
        talker = Talker.open(
            self.run_folder,
            subject=self.subject,
            device=str(use_device(self.device)),
            articulation=self.articulation,
            speech_model=self.speech_model,
            provenance=self.provenance,
            poses=self.poses,
            face=self.face.options(),
            seed=self.seed,
            background=self.background,
        )
        with progress_reports(self) as report:
            made = talker.write(
                self.speech, self.out, crf=self.crf, audio_track=self.audio_track, report=report
            )
        for warning in made.warnings:
            console.print(in_flags(warning, self), style="yellow")
        rate = made.n_frames / (time.perf_counter() - started)
        console.print(f"{made.path}: {made.seconds:.2f} s, {rate:.1f} frames/s from file to file")
