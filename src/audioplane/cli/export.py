"""`audioplane export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from audioplane.cli.console import console, in_flags, progress_reports


@dataclass(frozen=True)
class Export:
    """Export a trained head: as a page that draws it in any browser, without a server."""

    STOPPED: ClassVar[str] = "stopped; run it again for the files that are missing"

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of a training run, or a pack."""
    web: Path
    """The folder to write: put it on any static server. Whoever opens the page has the head."""
    speech: tuple[Path, ...] = ()
    """Sound files with more speech, in the subject's language, by which a head that hears phones
    is taught to hear mel bands alone, as browsers do."""
    consent: str = ""
    """Who agreed to the making of this head, and to what; needed once if it has none."""
    mark_key: Path | None = None
    """Key of the mark's payload, 64 hex digits; this installation's (or $AUDIOPLANE_MARK_KEY) if
    not given."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""

    def run(self) -> None:
        from audioplane.credentials import ProvenanceOptions
        from audioplane.run import open_run
        from audioplane.web import export_web

        options = ProvenanceOptions(self.consent, mark_key=self.mark_key)
        run = open_run(self.run_folder, self.subject)
        with progress_reports(self) as report:
            made = export_web(run, self.web, options, self.speech, report)
        for note in made.notes:
            console.print(in_flags(note, self), style="yellow")
        console.print(f"{made.path}: {made.bytes / 1e6:.1f} MB, session {made.session} of the mark")
