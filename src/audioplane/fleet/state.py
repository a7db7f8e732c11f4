"""What the store knows about each video: `state/NAME.json`, rewritten as a whole."""

import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from audioplane.fleet.store import Store

VERSION = 1
"""Of the format. A state of another one counts as none."""
FOLDER = "state"

Stage = Literal["working", "stopped", "done", "failed", "lost"]
"""At work; stopped on request; all steps done; the video or its settings are to blame; a machine,
a process or the store was lost too often."""


@dataclass(frozen=True)
class StepRecord:
    """A step that is done."""

    key: str
    """Hash of its inputs and settings."""
    seconds: float
    """Time that it took on the machine that finished it."""


@dataclass(frozen=True)
class Failure:
    """Why a video has no head."""

    step: str
    kind: str
    """Name of the error."""
    message: str
    trace: str = ""
    """Of an error that is a defect of audioplane."""


@dataclass(frozen=True)
class VideoState:
    """One video in the store."""

    name: str
    stage: Stage
    fingerprint: str = ""
    """Size and time, or ETag, of the video when it was read."""
    sha256: str = ""
    """Digest of the video."""
    steps: dict[str, StepRecord] = field(default_factory=dict)
    settings: str = ""
    """Hash of the settings that the state belongs to."""
    failure: Failure | None = None
    at: str = ""
    """Step at work, and how far it is."""
    figures: dict[str, float] = field(default_factory=dict)
    """Scores and sizes for the report."""
    worker: str = ""
    """Host and process."""
    updated: float = 0.0
    """Seconds since the epoch."""

    @property
    def seconds(self) -> float:
        """Time of all finished steps."""
        return sum((step.seconds for step in self.steps.values()), 0.0)

    def to_json(self) -> bytes:
        """As it is kept."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "VideoState | None":
        """A kept state; None for one that is damaged or of another version."""
        try:
            facts = json.loads(data)
            if facts.pop("version") != VERSION:
                return None
            facts["steps"] = {k: StepRecord(**v) for k, v in facts["steps"].items()}
            facts["failure"] = Failure(**facts["failure"]) if facts["failure"] else None
            return cls(**facts)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


def state_file(name: str) -> str:
    """Where a video's state is in the store."""
    return f"{FOLDER}/{name}.json"


def read_state(store: Store, name: str) -> VideoState | None:
    """The state of one video. Raises `StoreError`."""
    data = store.read(state_file(name))
    return None if data is None else VideoState.from_json(data)


def write_state(store: Store, state: VideoState) -> VideoState:
    """Keep a state, with who wrote it and when. Raises `StoreError`."""
    worker = f"{platform.node()}:{os.getpid()}"
    state = replace(state, worker=worker, updated=round(time.time(), 3))
    store.write(state_file(state.name), state.to_json())
    return state


def read_states(store: Store) -> Mapping[str, VideoState]:
    """All states by name. Raises `StoreError`."""
    found = store.read_all(FOLDER)
    states = (VideoState.from_json(data) for data in found.values())
    return {state.name: state for state in states if state is not None}
