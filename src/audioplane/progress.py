"""Progress reports of long-running library functions."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of progress."""

    task: str
    """What is being done, in a few words."""
    done: int = 0
    """Steps of it that are finished."""
    total: int = 0
    """Steps of it; 0 where not known."""
    note: str = ""
    """Figures of the work so far, for a place beside a progress bar."""
    message: str = ""
    """A finding that the user should see; mostly empty."""


Report = Callable[[Progress], None]
"""Receives every `Progress`."""


def ignore(progress: Progress) -> None:
    """A `Report` that does nothing."""


class Counter:
    """Counts the steps of one task into a `Report`."""

    def __init__(self, report: Report, task: str, total: int = 0):
        self._report, self._task, self._total, self._done = report, task, total, 0

    def __call__(self, steps: int = 1) -> None:
        """Add finished steps."""
        self._done += steps
        self._report(Progress(self._task, self._done, self._total))

    def finish(self) -> None:
        """The task is finished, whatever was expected."""
        done = self._total or self._done
        self._report(Progress(self._task, done, done))
