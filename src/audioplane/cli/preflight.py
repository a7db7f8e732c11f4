"""`audioplane preflight`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from audioplane.cli.arguments import PathArgument
from audioplane.cli.console import console, output, progress_bar


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

    def run(self) -> int:
        """Print the verdict; 1 where it is hopeless."""
        from audioplane.assets import require_model
        from audioplane.face.landmarker import FACE_LANDMARKER, Landmarker
        from audioplane.preflight import PREFLIGHT_PAGE, check_video, write_page
        from audioplane.progress import Progress

        model = require_model(FACE_LANDMARKER, self.face_landmarker)
        with Landmarker(model, max_faces=4) as landmarker, progress_bar() as bar:
            task = bar.add_task("preflight", total=None, note="")

            def show(progress: Progress) -> None:
                bar.update(task, completed=progress.done, total=progress.total or None)

            report = check_video(self.video, landmarker, show)
        if self.out is not None:
            write_page(report, self.out / PREFLIGHT_PAGE)
            console.print(f"{self.out / PREFLIGHT_PAGE}: the same with images and plots")
        if self.json:
            sys.stdout.write(report.to_json() + "\n")
        else:
            output.print(report.to_text())
        return int(report.verdict == "hopeless")
