"""`audioplane preflight`."""

from dataclasses import dataclass
from pathlib import Path

from audioplane.cli.arguments import PathArgument


@dataclass(frozen=True)
class Preflight:
    """Judge a video before the long work: length, face, light, sound, sync; with advice.

    'prepare' does so too, and refuses what is hopeless.
    """

    video: PathArgument
    """The video: one person, speaking, any format."""
    out: Path | None = None
    """Folder for preflight.html: the verdict with pictures and plots."""
    json: bool = False
    """Print figures and findings as JSON on standard output."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up or downloaded if not given."""

    def run(self) -> None:
        from audioplane.preflight.run import run_preflight

        run_preflight(self.video, self.out, self.json, self.face_landmarker)
