"""Steps that do next to nothing, for tests of what surrounds them; importable by workers."""

import errno
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audioplane.errors import MediaError, PrepareError
from audioplane.fleet.job import VideoJob
from audioplane.fleet.manifest import Entry
from audioplane.progress import Progress


@dataclass(frozen=True)
class SmallStep:
    """Writes a small file, and does what the video's text asks for."""

    name: str
    of: tuple[str, ...] = ()
    seconds: float = 0.0

    def settings(self, entry: Entry) -> Mapping[str, Any]:
        return {name: getattr(entry, name) for name in self.of}

    def run(self, job: VideoJob) -> Mapping[str, float]:
        text = job.video().read_text()
        if text == f"bad at {self.name}":
            raise PrepareError("no face in it: film a person")
        if text == f"defect at {self.name}":
            raise ZeroDivisionError("by nothing")
        if text == f"full disk at {self.name}":
            try:
                raise OSError(errno.ENOSPC, "No space left on device")
            except OSError as e:
                raise MediaError(f"frame.jpg cannot be written ({e.strerror})") from e
        if text == f"interrupted at {self.name}":
            raise KeyboardInterrupt
        if text.startswith(f"dies at {self.name}"):
            marks = Path(text.splitlines()[1])
            n = len(list(marks.iterdir()))
            (marks / str(n)).touch()
            if n < int(text.splitlines()[2]):
                os.kill(os.getpid(), signal.SIGKILL)
        deadline = time.monotonic() + (60.0 if text == f"waits at {self.name}" else self.seconds)
        while time.monotonic() < deadline:
            time.sleep(0.01)
            job.report(Progress("waiting", 1, 4))
        job.store.write(job.name(f"{self.name}.txt"), f"{text} {job.keys[self.name]}".encode())
        return {self.name: 1.0}


STEPS = (
    SmallStep("prepare", ("size",)),
    SmallStep("train", ("seed",)),
    SmallStep("evaluate"),
    SmallStep("pack"),
)
