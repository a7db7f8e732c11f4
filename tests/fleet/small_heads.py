"""Steps that make real but tiny heads, of "videos" that are archives of a synthetic subject."""

import os
import signal
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audioplane.fleet.job import Step, VideoJob
from audioplane.fleet.manifest import Entry
from audioplane.fleet.scratch import unpack
from audioplane.fleet.steps import (
    EvaluateStep,
    PackStep,
    TrainStep,
    publish_subject,
    subject_folder,
)
from audioplane.progress import Progress
from audioplane.subject import Subject
from tests.train.configs import TINY


@dataclass(frozen=True)
class UnpackStep:
    """In place of the preparation: the video is an archive of the subject."""

    name: str = "prepare"

    def settings(self, entry: Entry) -> Mapping[str, Any]:
        return {}

    def run(self, job: VideoJob) -> Mapping[str, float]:
        unpack(job.video(), subject_folder(job))
        publish_subject(job)
        return {}


@dataclass(frozen=True)
class SlowTrainStep(TrainStep):
    """Takes its time at every report, and dies once in the middle where it is told to."""

    seconds: float = 0.0
    dies_at: int = 0
    """Iteration."""
    mark: str = ""
    """File that says that it has died."""

    def run(self, job: VideoJob) -> Mapping[str, float]:
        def report(progress: Progress) -> None:
            job.report(progress)
            time.sleep(self.seconds)
            if self.dies_at and progress.done >= self.dies_at and not Path(self.mark).exists():
                Path(self.mark).touch()
                os.kill(os.getpid(), signal.SIGKILL)

        return super().run(replace(job, report=report))


TRAIN = SlowTrainStep({"laptop": TINY, "demo": TINY})
STEPS: tuple[Step, ...] = (UnpackStep(), TRAIN, EvaluateStep(), PackStep())


def archived(subject: Subject, file: Path) -> Path:
    """The "video" of a subject."""
    with tarfile.open(file, "w") as tar:
        tar.add(subject.paths.root, ".")
    return file
