"""`audioplane fleet`."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import tyro
from rich.table import Table

from audioplane.cli.arguments import Device, ExecutorArguments
from audioplane.cli.console import console, output, printable, progress_bar
from audioplane.errors import FleetError

if TYPE_CHECKING:
    from audioplane.fleet import FleetProgress, FleetStatus, Store

STOPPED = "stopped; the same command goes on where it was"
SOME_FAILED = 3
"""Exit status of a run that is complete but for videos that failed: trying again does not help."""


@dataclass(frozen=True)
class FleetExecutorArguments(ExecutorArguments):
    """Where videos are worked on."""

    executor: Literal["here", "local", "ray"] = "local"
    """This process, one after the other; processes of this machine; or tasks of a Ray cluster
    (extra 'ray'), which fetch what they need from the store."""


@dataclass(frozen=True)
class FleetRun:
    """Make a head of every video of a manifest; does only what is missing or changed."""

    manifest: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MANIFEST")]
    """CSV or JSON lines, one video a line; columns: video, name, consent and options of 'prepare'
    and 'train' (size, speech, focal, sound_late, audio_track, preset, iterations, seed, torso,
    expression)."""
    store: Annotated[str, tyro.conf.arg(metavar="URL")]
    """Where everything is kept: a folder, or a URL that fsspec knows (s3://bucket/fleet)."""
    executor: Annotated[FleetExecutorArguments, tyro.conf.arg(name="")] = FleetExecutorArguments()
    shard: str = "0/1"
    """I/N: every N-th video of the manifest, from the I-th on (I from 0)."""
    retry_failed: bool = False
    """Try videos again that failed and did not change."""
    dry_run: bool = False
    """Say what would be done, and do nothing."""
    scratch: Path | None = None
    """Folder for work in progress; audioplane's cache if not given."""
    sync_minutes: float = 1.0
    """Minutes between two copies of a training's checkpoint to the store."""
    device: Device = "auto"
    """Of training and evaluation."""

    def run(self) -> int:
        from audioplane.cli.training import signals_set
        from audioplane.fleet import FleetOptions, plan_fleet, run_fleet

        options = FleetOptions(
            shard=_shard(self.shard),
            retry_failed=self.retry_failed,
            scratch=self.scratch,
            device=self.device,
            sync_every=60 * self.sync_minutes,
        )
        if self.dry_run:
            for planned in plan_fleet(self.manifest, self.store, options):
                steps = ", ".join(planned.steps) or "nothing"
                line = printable(f"{planned.entry.name}: {planned.need}: {steps}")
                output.print(line, soft_wrap=True)
            return 0
        with signals_set() as stop, _Shown() as shown:
            result = run_fleet(
                self.manifest,
                self.store,
                executor=self.executor.open(),
                options=options,
                report=shown.show,
                stop=stop,
            )
        rest = Counter(p.need for p in result.planned)
        for need, said in (("done", "were done before"), ("failed", "failed before")):
            if rest[need]:
                console.print(f"{rest[need]} {said}")
        counts = Counter(o.stage for o in result.outcomes)
        console.print(", ".join(f"{n} {stage}" for stage, n in counts.items()) or "nothing to do")
        if stop.is_set():
            raise KeyboardInterrupt
        if counts["lost"] or counts["stopped"]:
            return 1
        return SOME_FAILED if counts["failed"] or rest["failed"] else 0


@dataclass(frozen=True)
class FleetStatusCommand:
    """Say where the videos of a store stand; while they are worked on, or after."""

    store: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")]
    """The store of 'fleet run'."""
    json: bool = False
    """Print everything that is known as JSON."""

    def run(self) -> None:
        from audioplane.fleet import Store

        status = _known(Store(self.store))
        if self.json:
            sys.stdout.write(status.to_json() + "\n")
            return
        output.print(status_table(status))
        for kind, states in status.failures.items():
            output.print(printable(f"{kind}: {len(states)}"))
            for state in states[:5]:
                if state.failure:
                    line = printable(f"  {state.name}: {state.failure.message}")
                    output.print(line, soft_wrap=True)
            if len(states) > 5:
                output.print(f"  and {len(states) - 5} more: fleet report lists all")


def _known(store: Store) -> FleetStatus:
    """The status of a store that a fleet had."""
    from audioplane.fleet import fleet_status

    status = fleet_status(store)
    if not status.names:
        raise FleetError(f"{store.url} knows of no video: 'fleet run' writes what this reads")
    return status


def status_table(status: FleetStatus) -> Table:
    """How many videos stand where, and what is at work."""
    table = Table(title=f"{len(status.names)} videos", title_justify="left")
    for column in ("stage", "videos", "at work"):
        table.add_column(column)
    for word, count in sorted(status.counts.items()):
        names = [n for n in status.names if status.word(n) == word]
        shown = [f"{n} {status.states[n].at}" for n in names[:8] if n in status.states]
        at = ", ".join(shown) if word in ("working", "quiet", "stopped") else ""
        table.add_row(word, str(count), printable(at))
    return table


@dataclass(frozen=True)
class FleetReport:
    """Write one page about a store: every head's picture, scores and time, failures by kind."""

    store: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")]
    """The store of 'fleet run'."""
    out: Path = Path("fleet.html")
    """The page."""

    def run(self) -> None:
        from audioplane.assets import write_text
        from audioplane.fleet import Store
        from audioplane.fleet.page import page_of

        store = Store(self.store)
        write_text(self.out, page_of(store, _known(store)))
        console.print(f"{self.out}")


@dataclass(frozen=True)
class Fleet:
    """Make heads of many videos, on this machine or a cluster."""

    STOPPED: ClassVar[str] = STOPPED

    command: Annotated[
        Annotated[FleetRun, tyro.conf.subcommand("run")]
        | Annotated[FleetStatusCommand, tyro.conf.subcommand("status")]
        | Annotated[FleetReport, tyro.conf.subcommand("report")],
        tyro.conf.arg(name=""),
    ]

    def run(self) -> int | None:
        return self.command.run()


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not slash or not index.isdecimal() or not count.isdecimal():
        raise FleetError(f"shard={text}: give it as I/N, from 0/N to N-1/N")
    return int(index), int(count)


class _Shown:
    """A bar over all videos, and a line for each that has no head."""

    def __enter__(self) -> _Shown:
        self._bar = progress_bar()
        self._bar.__enter__()
        self._task = self._bar.add_task("videos", total=None, note="")
        return self

    def __exit__(self, *exception) -> None:
        self._bar.__exit__(*exception)

    def show(self, progress: FleetProgress) -> None:
        """Bring the bar up to date."""
        note = ", ".join(f"{name} {step}" for name, step in progress.at_work.items())
        if progress.seconds_left is not None:
            note = f"{progress.seconds_left / 60:.0f} min left  {note}"
        self._bar.update(
            self._task, completed=progress.done, total=progress.total, note=printable(note)
        )
        outcome = progress.outcome
        if outcome and outcome.failure:
            failure = outcome.failure
            said = f"{outcome.name}: {outcome.stage} at {failure.step}: {failure.message}"
            console.print(printable(said), style="yellow")
