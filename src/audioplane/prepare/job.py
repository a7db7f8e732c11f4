"""The state that the stages of one preparation share."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from audioplane.media.image import read_image
from audioplane.prepare.options import PrepareOptions
from audioplane.prepare.record import Record
from audioplane.prepare.workers import in_order
from audioplane.progress import Progress, Report
from audioplane.subject.layout import SubjectPaths


@dataclass(frozen=True)
class Job:
    """One running stage: its input, its output, and its progress report."""

    video: Path
    paths: SubjectPaths
    """The subject folder."""
    record: Record
    """The results of earlier stages; each stage adds its own."""
    options: PrepareOptions
    stage: str
    """Name of the stage."""
    report: Report

    def progress(self, done: int, total: int = 0) -> None:
        """Report so many finished frames."""
        self.report(Progress(self.stage, done, total))

    def say(self, message: str) -> None:
        """Report a finding that the user should see."""
        n = self.record.n_frames
        self.report(Progress(self.stage, n, n, message=message))

    def note(self, name: str, finding: str) -> None:
        """Keep a finding in the record, and report it."""
        self.record.notes[name] = finding
        self.say(finding)

    def images(self, frames: list[int]) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """The cropped images of some frames, read ahead."""
        return in_order(lambda i: read_image(self.paths.original(i)), frames)
