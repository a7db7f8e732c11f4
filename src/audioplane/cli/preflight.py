"""`audioplane preflight`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from audioplane.cli.arguments import VideoArgument
from audioplane.cli.console import console, in_flags, output, printable, progress_reports


@dataclass(frozen=True)
class Preflight:
    """Judge a video before the long work by length, face, light, sound and sync, with advice.

    'prepare' does so too, and refuses hopeless ones.
    """

    video: VideoArgument
    """The video: one person, speaking, any format."""
    audio_track: int | None = None
    """Number of the video's sound track, from 1; the one with speech if not given."""
    out: Path | None = None
    """Folder for preflight.html: the verdict with images and plots."""
    json: bool = False
    """Print figures and findings as JSON on standard output."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up or downloaded if not given."""

    def run(self) -> int:
        """Print the verdict; 1 where it is hopeless."""
        from audioplane.assets import check_output, require_model
        from audioplane.face.landmarker import FACE_LANDMARKER, Landmarker
        from audioplane.media.container import require_file
        from audioplane.preflight import PREFLIGHT_PAGE, check_video, write_page

        if self.out is not None:
            check_output(self.out / PREFLIGHT_PAGE)
        require_file(self.video)
        model = require_model(FACE_LANDMARKER, self.face_landmarker)
        with Landmarker(model, max_faces=4) as landmarker, progress_reports(self) as show:
            report = check_video(self.video, landmarker, show, self.audio_track)
        if self.out is not None:
            write_page(report, self.out / PREFLIGHT_PAGE)
            console.print(f"{self.out / PREFLIGHT_PAGE}: the same with images and plots")
        if self.json:
            sys.stdout.write(report.to_json() + "\n")
        else:
            for line in report.to_text().split("\n"):
                output.print(printable(in_flags(line, self)), soft_wrap=True)
        return int(report.verdict == "hopeless")
