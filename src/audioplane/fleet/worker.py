"""The work on one video, from its state in the store to its state in the store."""

import errno
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audioplane.errors import AudioplaneError, MediaError, ModelError, StoreError
from audioplane.fleet.job import Removed, Step, Stopped, VideoJob, settings_key, step_keys
from audioplane.fleet.manifest import Entry
from audioplane.fleet.scratch import Busy, claimed, local_video
from audioplane.fleet.state import (
    Failure,
    Stage,
    StepRecord,
    VideoState,
    read_state,
    write_state,
)
from audioplane.fleet.store import Store, fingerprints
from audioplane.progress import Progress, Report

_MACHINE_FAULTS = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EIO", "ESTALE", "ENOMEM")
    if hasattr(errno, name)
}
"""Numbers of errors of disks and memory, as far as the system has them."""


@dataclass(frozen=True)
class VideoTask:
    """What a worker is told."""

    entry: Entry
    store: Store
    steps: Sequence[Step]
    scratch: Path
    """Folder for scratch on whatever machine works on it."""
    device: str = "auto"
    sync_every: float = 60.0


@dataclass(frozen=True)
class Outcome:
    """What became of a video."""

    name: str
    stage: Stage
    steps: tuple[str, ...] = ()
    """Steps that were done now."""
    failure: Failure | None = None


def process(task: VideoTask, report: Report, stop: threading.Event) -> Outcome:
    """Do the steps that are missing for one video.

    Args:
        task: The video.
        report: Receives the progress.
        stop: Once it is set, the work is brought into the store and ends.

    Returns:
        How it ended; a video that fails is such an end, too. Where another process works on it, it
        counts as stopped here, and its state is left to that process.

    Raises:
        StoreError: The store or the machine failed; trying again may help.
    """
    entry, store = task.entry, task.store
    try:
        with claimed(task.scratch, store, entry.name) as scratch:
            return _ended(_Work(task, scratch, report, stop), scratch)
    except Busy as e:
        return Outcome(entry.name, "stopped", (), Failure("the start", "Busy", str(e)))


def _ended(work: "_Work", scratch: Path) -> Outcome:
    """How the work ended. Scratch is kept where it is to go on."""
    try:
        outcome = work.run()
    except Stopped:
        return work.end("stopped")
    except KeyboardInterrupt:
        work.end("stopped")
        raise
    except StoreError:
        raise
    except Exception as e:  # one video's defect must not end the others
        if _is_of_machine(e):
            raise StoreError(f"{work.at}: {str(e) or type(e).__name__}") from e
        kind, trace = type(e).__name__, ""
        if not isinstance(e, AudioplaneError):
            kind, trace = f"defect: {kind}", traceback.format_exc()
        outcome = work.end("failed", Failure(work.at, kind, str(e), trace))
    shutil.rmtree(scratch, ignore_errors=True)
    return outcome


def _is_of_machine(error: BaseException | None) -> bool:
    """Whether the machine is to blame rather than the video or its settings."""
    while error is not None:
        if isinstance(error, MemoryError | ModelError):
            return True
        if isinstance(error, OSError) and error.errno in _MACHINE_FAULTS:
            return True
        error = error.__cause__
    return False


class _Work:
    """One video at work."""

    def __init__(self, task: VideoTask, scratch: Path, report: Report, stop: threading.Event):
        self._task, self._scratch, self._report, self._stop = task, scratch, report, stop
        name = task.entry.name
        self.at = "read the video"
        self._did: list[str] = []
        self._written = 0.0
        self._state = read_state(task.store, name) or VideoState(name, "working")

    def run(self) -> Outcome:
        """All steps that are missing."""
        entry, steps = self._task.entry, self._task.steps
        fingerprint = fingerprints([entry.video]).get(entry.video, "")
        same = fingerprint == self._state.fingerprint
        self._keep(
            stage="working",
            failure=None,
            at=self.at,
            settings=settings_key(steps, entry),
            fingerprint=fingerprint,
            sha256=self._state.sha256 if same else "",  # that of another video would pass for its
        )
        sha256 = self._digest()
        keys = step_keys(steps, entry, sha256)
        # What is no longer valid is forgotten before anything of it is overwritten.
        done = self._state.steps
        valid = {k: done[k] for k, key in keys.items() if k in done and done[k].key == key}
        missing = [step for step in steps if step.name not in valid]
        at = [step.name for step in missing]
        self._keep(sha256=sha256, steps=valid, at=at[0] if at else "")
        try:
            for step, following in zip(missing, [*at, ""][1:], strict=True):
                self._do(step, keys, following)
        except Removed as e:
            self._forget(e.step)
            raise
        return self.end("done")

    def _forget(self, step: str) -> None:
        """Make a step and those after it again, the next time."""
        names = [s.name for s in self._task.steps]
        before = names[: names.index(step)]
        self._keep(steps={k: v for k, v in self._state.steps.items() if k in before})

    def _digest(self) -> str:
        from audioplane.assets import sha256_of

        try:
            return sha256_of(local_video(self._task.entry.video, self._scratch))
        except StoreError as e:
            if isinstance(e.__cause__, FileNotFoundError):  # the video's fault, not the store's
                raise MediaError(str(e)) from e
            raise

    def _do(self, step: Step, keys: dict[str, str], following: str) -> None:
        self.at, started = step.name, time.monotonic()
        task = self._task
        job = VideoJob(
            entry=task.entry,
            store=task.store,
            scratch=self._scratch,
            keys=keys,
            report=self._reporter(step.name),
            stop=self._stop,
            device=task.device,
            sync_every=task.sync_every,
        )
        job.report(Progress(step.name))
        figures = step.run(job)
        record = StepRecord(keys[step.name], round(time.monotonic() - started, 3))
        self._keep(
            steps={**self._state.steps, step.name: record},
            figures={**self._state.figures, **figures},
            at=following,
        )
        self._did.append(step.name)

    def _reporter(self, step: str) -> Callable[[Progress], None]:
        """Passes progress on, and into the state now and then."""

        def report(progress: Progress) -> None:
            if self._stop.is_set():
                raise Stopped
            self._report(replace(progress, task=step))
            if time.monotonic() - self._written >= self._task.sync_every:
                share = f" {progress.done / progress.total:.0%}" if progress.total else ""
                self._keep(at=f"{step}{share}")

        return report

    def _keep(self, **changes) -> None:
        self._state = write_state(self._task.store, replace(self._state, **changes))
        self._written = time.monotonic()

    def end(self, stage: Stage, failure: Failure | None = None) -> Outcome:
        """Keep how it ended."""
        self._keep(stage=stage, failure=failure, at="" if stage == "done" else self.at)
        return Outcome(self._task.entry.name, stage, tuple(self._did), failure)
