"""Output of the commands: one console on standard error, progress bars with rate and time left."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from audioplane.progress import Progress, Report


class _LastingConsole(Console):
    """A console whose reader may close the pipe (`| head -1`): the work continues silently."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


console = _LastingConsole(stderr=True, markup=False, highlight=False, soft_wrap=True)
"""Progress and messages; paths in them are never taken for markup."""
output = Console(markup=False, highlight=False)
"""Results: standard output."""


def printable(text: str) -> str:
    """Foreign text on one line, without a terminal's control codes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def in_flags(message: str, command: object) -> str:
    """A library's message, which names arguments (`name=value`), in terms of a command's flags."""

    def flag(found: re.Match[str]) -> str:
        name, value = found[1].replace("_", "-"), found[2]
        return {"False": f"--no-{name}", "True": f"--{name}", "": f"--{name}"}.get(
            value, f"--{name} {value}"
        )

    names = "|".join(_names(command))
    return re.sub(rf"(?<![\w/.-])({names})=(False|True|[\"'…\w/-]?)", flag, message)


def _names(command: object) -> list[str]:
    """The fields of a command, and of the dataclasses in it."""
    own = [f.name for f in fields(command)] if is_dataclass(command) else []
    return own + [name for field in own for name in _names(getattr(command, field))]


class _Rate(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "–/s")


class _BegunBar(Bar):
    """Leaves no line of tasks that got nowhere, such as before an error."""

    def stop(self) -> None:
        for task in self.tasks:
            if not task.completed:
                self.remove_task(task.id)
        if self.tasks:
            super().stop()  # off a terminal it ends the last bar's line
        else:
            self.live.stop()


def progress_bar() -> Bar:
    """A progress bar: task, fraction done, rate, time left, and a note."""
    return _BegunBar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        speed_estimate_period=20,
    )


@contextmanager
def progress_reports(command: object = None) -> Iterator[Report]:
    """Shows the progress of a library function: a bar for each task, each finding once.

    Findings name the flags of `command`, if it is given.
    """
    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {}
        said: set[str] = set()

        def show(progress: Progress) -> None:
            if progress.message and progress.message not in said:
                said.add(progress.message)
                message = in_flags(progress.message, command) if command else progress.message
                console.print(printable(message), style="yellow")
            if progress.task not in tasks:
                tasks[progress.task] = bar.add_task(progress.task, total=None, note="")
            bar.update(
                tasks[progress.task],
                completed=progress.done,
                total=progress.total or None,
                note=progress.note,
            )

        yield show
