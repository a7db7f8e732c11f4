"""`audioplane pack`."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from audioplane.cli.arguments import RunArgument
from audioplane.cli.console import console, progress_reports


@dataclass(frozen=True)
class Pack:
    """Pack a trained head into one file that can be driven on any machine, without its subject."""

    STOPPED: ClassVar[str] = "stopped; nothing was written"

    run_folder: RunArgument
    """Folder of a training run."""
    out: Path
    """The file to write; .head is added to a name without a suffix."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""

    def run(self) -> None:
        from audioplane.run import open_run, pack

        run = open_run(self.run_folder, self.subject)
        with progress_reports(self) as report:
            path = pack(run, self.out, report)
        size, n_frames = path.stat().st_size / 1e6, len(run.footage.refs)
        console.print(f"{path}: {size:.1f} MB, {n_frames} frames of footage")
