"""`audioplane preflight`: a verdict on a clip before the long work."""

import sys
from pathlib import Path

from audioplane.cli.console import console, output, progress_bar
from audioplane.errors import MediaError
from audioplane.face.landmarker import Landmarker
from audioplane.preflight import check_clip, write_page
from audioplane.prepare.models import FACE_LANDMARKER, require_model
from audioplane.prepare.record import PREFLIGHT_PAGE


def run_preflight(
    video: Path, out: Path | None, as_json: bool, face_landmarker: Path | None
) -> None:
    """Judge a clip and print the verdict; the page goes into `out` where it is given."""
    model = require_model(FACE_LANDMARKER, face_landmarker)
    with Landmarker(model, max_faces=4) as landmarker, progress_bar() as bar:
        task = bar.add_task("preflight", total=None, note="")
        report = check_clip(
            video, landmarker, lambda done, total, _: bar.update(task, completed=done, total=total)
        )
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise MediaError(f"{out} cannot be made ({e.strerror}): choose another --out") from e
        write_page(report, out / PREFLIGHT_PAGE)
        console.print(f"{out / PREFLIGHT_PAGE}: the same with pictures and plots")
    if as_json:
        sys.stdout.write(report.to_json() + "\n")
    else:
        output.print(report.to_text())
