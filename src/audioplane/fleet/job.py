"""The work on one video: what a step gets, and the hashes that tell whether it is done."""

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from audioplane.errors import StoreError
from audioplane.fleet.manifest import Entry
from audioplane.fleet.store import Store
from audioplane.progress import Report

_FORMAT = 1
"""Raised when what a step puts into the store changes: everything is made again."""


class Stopped(Exception):
    """The work on a video was asked to stop; what it had is in the store."""


class Removed(StoreError):
    """What an earlier step put into the store is not there any more."""

    def __init__(self, message: str, step: str = ""):
        super().__init__(message)
        self.step = step
        """That step."""


@dataclass(frozen=True)
class VideoJob:
    """The work on one video on one machine."""

    entry: Entry
    store: Store
    scratch: Path
    """A folder of this machine for this video alone."""
    keys: Mapping[str, str]
    """Hash of every step."""
    report: Report
    """Receives the progress. Raises `Stopped` once the work is to stop."""
    stop: threading.Event
    device: str = "auto"
    sync_every: float = 60.0
    """Seconds between two copies of a training's checkpoint to the store."""

    def name(self, file: str) -> str:
        """A file of this head in the store."""
        return f"heads/{self.entry.name}/{file}"

    def video(self) -> Path:
        """The video on this machine. Raises `StoreError` where it is not to be had."""
        from audioplane.fleet.scratch import local_video

        return local_video(self.entry.video, self.scratch)


@runtime_checkable
class Step(Protocol):
    """One step of the work. It finds what earlier ones left, in scratch or in the store, and puts
    what it makes into the store."""

    @property
    def name(self) -> str:
        """Names the step in states, tables and messages."""
        ...

    def settings(self, entry: Entry) -> Mapping[str, Any]:
        """What of an entry it depends on, as JSON values."""
        ...

    def run(self, job: VideoJob) -> Mapping[str, float]:
        """Do it; returns figures for the report.

        Raises `AudioplaneError` where the video or its settings are to blame, `StoreError` where
        the store is.
        """
        ...


def step_keys(steps: Sequence[Step], entry: Entry, sha256: str) -> dict[str, str]:
    """Hash of every step: of the video, its settings and those of the steps before it."""
    keys: dict[str, str] = {}
    before = f"{_FORMAT} {sha256}"
    for step in steps:
        before = _digest([before, step.name, step.settings(entry)])
        keys[step.name] = before
    return keys


def settings_key(steps: Sequence[Step], entry: Entry) -> str:
    """Hash of all settings of a video."""
    return _digest({step.name: step.settings(entry) for step in steps})


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
