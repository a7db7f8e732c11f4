"""A fleet's run: the videos of a manifest that need work go through an executor."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from audioplane.assets import cache_root
from audioplane.errors import FleetError
from audioplane.executors.executor import Executor, Lost
from audioplane.executors.local import LocalExecutor
from audioplane.fleet.job import Step
from audioplane.fleet.manifest import Entry, read_manifest, shard_of
from audioplane.fleet.plan import AT_REST, Planned, plan
from audioplane.fleet.state import Failure, VideoState, read_state, read_states, write_state
from audioplane.fleet.status import keep_names
from audioplane.fleet.steps import STEPS
from audioplane.fleet.store import Store
from audioplane.fleet.worker import Outcome, VideoTask, process
from audioplane.progress import Progress


@dataclass(frozen=True)
class FleetProgress:
    """Where a run stands."""

    total: int
    """Videos that needed work."""
    ended: Mapping[str, int]
    """How many ended, by stage: done, failed, lost, stopped."""
    at_work: Mapping[str, str]
    """By name, the step of each video at work and how far it is, where the executor tells."""
    seconds_left: float | None
    """An estimate, from the videos that ended; None before the first."""
    outcome: Outcome | None = None
    """Of the video that has just ended."""

    @property
    def done(self) -> int:
        """Videos that ended in any way."""
        return sum(self.ended.values())


@dataclass(frozen=True)
class FleetResult:
    """What a run did."""

    planned: Sequence[Planned]
    """Every entry of the manifest, or of the shard."""
    outcomes: Sequence[Outcome]
    """Of the videos that were worked on, as they ended."""

    def count(self, stage: str) -> int:
        """How many of them ended so."""
        return sum(o.stage == stage for o in self.outcomes)


@dataclass(frozen=True)
class FleetOptions:
    """How a fleet works; none of it changes a head."""

    shard: tuple[int, int] = (0, 1)
    """(i, n): every n-th entry of the manifest, from the i-th on."""
    retry_failed: bool = False
    """Whether videos that failed are tried again though nothing of them changed."""
    scratch: Path | None = None
    """Folder for work in progress, on each machine; audioplane's cache if None."""
    device: str = "auto"
    """Of training and evaluation."""
    sync_every: float = 60.0
    """Seconds between two copies of a training's checkpoint to the store."""
    steps: Sequence[Step] = field(default=STEPS)


def plan_fleet(
    manifest: str | Path | Sequence[Entry],
    store: str | Store,
    options: FleetOptions | None = None,
) -> list[Planned]:
    """What `run_fleet` would do; nothing is written.

    Args:
        manifest: A CSV or JSON-lines file (`fleet.manifest.Entry` has the columns), or entries.
        store: URL of the store, any that fsspec knows.
        options: See `FleetOptions`.

    Raises:
        FleetError: The manifest or the shard is wrong.
        StoreError: The manifest or the store cannot be read.
    """
    options, entries = options or FleetOptions(), _entries(manifest)
    opened = store if isinstance(store, Store) else Store(store)
    mine = shard_of(entries, options.shard)
    return plan(mine, read_states(opened), options.steps, options.retry_failed)


def run_fleet(
    manifest: str | Path | Sequence[Entry],
    store: str | Store,
    *,
    executor: Executor | None = None,
    options: FleetOptions | None = None,
    report: Callable[[FleetProgress], None] | None = None,
    stop: threading.Event | None = None,
) -> FleetResult:
    """Make a head of every video of a manifest; does only what is missing or changed.

    Each video is prepared, trained, evaluated and packed. A video that fails keeps its reason in
    the store and stops no other. Run again, after whatever interruption, it goes on.

    Args:
        manifest: A CSV or JSON-lines file (`fleet.manifest.Entry` has the columns), or entries.
        store: URL of the store, any that fsspec knows: a folder, `s3://bucket/fleet`.
        executor: Where the work runs; by default processes of this machine.
        options: See `FleetOptions`.
        report: Called whenever a video ends, and with progress in between.
        stop: Set it, from another thread or a signal, to bring the work into the store and end.

    Returns:
        What was planned and how it ended.

    Raises:
        FleetError: The manifest, the shard or a number is wrong.
        StoreError: The manifest or the store cannot be read.
        InstallError: A package for the store or the executor is missing.
    """
    options, executor = options or FleetOptions(), executor or LocalExecutor()
    if not 0 <= options.sync_every < math.inf:
        raise FleetError(f"sync_every={options.sync_every:g}: choose seconds, 0 or more")
    opened = store if isinstance(store, Store) else Store(store)
    entries = _entries(manifest)
    planned = plan_fleet(entries, opened, options)
    keep_names(opened, [entry.name for entry in entries])
    scratch = options.scratch or cache_root() / "fleet"
    tasks = [
        VideoTask(p.entry, opened, options.steps, scratch, options.device, options.sync_every)
        for p in planned
        if p.need not in AT_REST
    ]
    tally = _Tally(len(tasks), report or (lambda progress: None))
    stop = stop or threading.Event()
    outcomes = list(_ended(executor, tasks, tally, opened, stop))
    return FleetResult(planned, outcomes)


def _entries(manifest: str | Path | Sequence[Entry]) -> list[Entry]:
    return read_manifest(str(manifest)) if isinstance(manifest, str | Path) else list(manifest)


def _ended(
    executor: Executor,
    tasks: Sequence[VideoTask],
    tally: "_Tally",
    store: Store,
    stop: threading.Event,
) -> Iterator[Outcome]:
    for task, result in executor.run(process, tasks, tally.heard, stop):
        outcome = _lost(store, task.entry, result) if isinstance(result, Lost) else result
        tally.ended(outcome)
        yield outcome


def _lost(store: Store, entry: Entry, lost: Lost) -> Outcome:
    """Keep that a video was lost; the next run tries it again."""
    state = read_state(store, entry.name) or VideoState(entry.name, "lost")
    failure = Failure(state.at, "lost", lost.reason)
    write_state(store, replace(state, stage="lost", failure=failure))
    return Outcome(entry.name, "lost", (), failure)


class _Tally:
    """Counts what ends, and estimates what is left."""

    def __init__(self, total: int, report: Callable[[FleetProgress], None]):
        self._total, self._report = total, report
        self._counts: Counter[str] = Counter()
        self._at_work: dict[str, tuple[str, float]] = {}
        self._started = time.monotonic()
        self._told = 0.0

    def heard(self, task: VideoTask, progress: Progress) -> None:
        """A video went on."""
        share = progress.done / progress.total if progress.total else 0.0
        self._at_work[task.entry.name] = progress.task, share
        if time.monotonic() - self._told >= 0.2:
            self._tell(None)

    def ended(self, outcome: Outcome) -> None:
        """A video ended."""
        self._at_work.pop(outcome.name, None)
        self._counts[outcome.stage] += 1
        self._tell(outcome)

    def _tell(self, outcome: Outcome | None) -> None:
        self._told = time.monotonic()
        at_work = {
            name: f"{step} {share:.0%}" if share else step
            for name, (step, share) in self._at_work.items()
        }
        counts = dict(self._counts)
        self._report(FleetProgress(self._total, counts, at_work, self._left(), outcome))

    def _left(self) -> float | None:
        ended = sum(self._counts.values())
        if not ended:
            return None
        left = self._total - ended
        return (time.monotonic() - self._started) / ended * left
