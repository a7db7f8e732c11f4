"""What runs work on many items somewhere; executors of this machine and of Ray answer to it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from audioplane.errors import WorkError
from audioplane.progress import Progress, Report

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[Item, Report, threading.Event], Result]
"""Work on one item: it reports progress, and ends early once the event is set. A function of a
module, as it is sent to other processes. A `StoreError` that it raises is taken for a loss of the
machine."""
Heard = Callable[[Item, Progress], None]
"""Receives the progress of an item, from executors that pass it on."""


@dataclass(frozen=True)
class Lost:
    """An item whose work raised, or whose worker or store failed as often as that was tried."""

    reason: str


@runtime_checkable
class Executor(Protocol):
    """Runs work on items, several at once."""

    @property
    def slots(self) -> int:
        """How many run at once, as far as is known."""
        ...

    def run(
        self,
        work: Work[Item, Result],
        items: Iterable[Item],
        heard: Heard[Item],
        stop: threading.Event,
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """Results as they come.

        Args:
            work: Called with each item in some process, again where that process dies or a
                `StoreError` is raised.
            items: Sent to it; taken when there is room.
            heard: Receives progress.
            stop: Once it is set, no more items are taken, and those at work are told to end.
        """
        ...


def complete(
    executor: Executor,
    work: Work[Item, Result],
    items: Iterable[Item],
    named: Callable[[Item], object],
    report: Report,
    stop: threading.Event | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Results of all items as they come, whose progress goes to `report`.

    Raises `WorkError`, with what `named` calls it, where an item was lost.
    """

    def heard(item: Item, progress: Progress) -> None:
        report(progress)

    for item, result in executor.run(work, items, heard, stop or threading.Event()):
        if isinstance(result, Lost):
            raise WorkError(f"{named(item)}: {result.reason}")
        yield item, result
