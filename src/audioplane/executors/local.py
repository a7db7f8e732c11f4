"""The executors of this machine: this process, or a few others, each replaced when it dies."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic

from audioplane import machine
from audioplane.errors import FleetError, StoreError
from audioplane.executors.executor import Heard, Item, Lost, Result, Work
from audioplane.progress import Progress

CORES = 2
"""Of one training: it gains little from more."""
_POLL = 0.5
"""Seconds between two looks at the request to stop."""
_GRACE = 60.0
"""Seconds that a process gets to bring its work into the store."""


@dataclass
class _Task(Generic[Item]):
    """An item and how often it was lost."""

    item: Item
    losses: int = 0


@dataclass
class _Worker(Generic[Item]):
    """A process and what it is at."""

    process: Any
    line: Connection
    task: _Task[Item] | None = None


class SerialExecutor:
    """Runs work here, one item after another; what it raises ends the run, but for a `StoreError`,
    which loses the item alone."""

    slots = 1

    def run(
        self,
        work: Work[Item, Result],
        items: Iterable[Item],
        heard: Heard[Item],
        stop: threading.Event,
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor.run`."""
        for item in items:
            if stop.is_set():
                return
            try:
                result = work(item, partial(heard, item), stop)
            except StoreError as e:
                result = Lost(str(e))
            yield item, result


class LocalExecutor:
    """Runs work in processes of this machine.

    A program that uses it guards its entry with `if __name__ == "__main__"`, as processes are
    started afresh.
    """

    def __init__(self, jobs: int = 0, cores: int = CORES, retries: int = 2):
        """Args:
        jobs: Processes at once; 0 for as many as there are cores for.
        cores: For each of them.
        retries: How often an item is tried again whose process died or whose work raised a
            `StoreError`; what else it raises it would raise again.

        Raises `FleetError` for fewer than no processes.
        """
        if jobs < 0:
            raise FleetError(f"jobs={jobs}: choose 1 or more, or 0 for one for every two cores")
        self.slots = jobs or max(1, machine.cores() // cores)
        self._cores, self._retries = cores, retries

    def run(
        self,
        work: Work[Item, Result],
        items: Iterable[Item],
        heard: Heard[Item],
        stop: threading.Event,
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor.run`; where it is left early, its processes end."""
        pool: _Pool[Item] = _Pool(work, items, self.slots, self._cores)
        told = False
        try:
            while True:
                if not stop.is_set():
                    pool.feed()
                elif not told:
                    told = True
                    pool.terminate()
                if not pool.busy():
                    return
                for task, kind, answer in pool.answers(heard):
                    if kind != "result" and stop.is_set():
                        continue  # it may have been told to end before it could listen
                    if kind == "lost" and task.losses < self._retries:
                        task.losses += 1
                        pool.again(task)
                        continue
                    yield task.item, answer if kind == "result" else Lost(answer)
        finally:
            pool.close()


class _Pool(Generic[Item]):
    """The processes of one run."""

    def __init__(self, work: Work, items: Iterable[Item], slots: int, cores: int):
        self._work, self._items, self._slots, self._cores = work, iter(items), slots, cores
        self._again: deque[_Task[Item]] = deque()
        self._workers: list[_Worker[Item]] = []
        self._context = multiprocessing.get_context("spawn")

    def busy(self) -> list[_Worker[Item]]:
        """Those that are at something."""
        return [w for w in self._workers if w.task is not None]

    def again(self, task: _Task[Item]) -> None:
        """To be done before new items."""
        self._again.append(task)

    def feed(self) -> None:
        """Give idle processes something to do, and start processes while there are too few."""
        while len(self.busy()) < self._slots:
            task = self._again.popleft() if self._again else self._new()
            if task is None:
                return
            worker = next((w for w in self._workers if w.task is None), None) or self._start()
            worker.task = task
            with suppress(OSError):  # it died while it was idle: reading from it says so
                worker.line.send(task.item)

    def _new(self) -> _Task[Item] | None:
        for item in self._items:
            return _Task(item)
        return None

    def _start(self) -> _Worker[Item]:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(there, self._work), daemon=True)
        with _set_threads(self._cores):
            process.start()
        there.close()
        worker = _Worker(process, here)
        self._workers.append(worker)
        return worker

    def answers(self, heard: Heard[Item]) -> Iterator[tuple[_Task[Item], str, Any]]:
        """Each "result", and why work is "lost" or "raised"; news of progress goes to `heard`."""
        by_line = {w.line: w for w in self.busy()}
        for line in wait(list(by_line), timeout=_POLL):
            worker = by_line[line]  # pyright: ignore[reportArgumentType]
            task = worker.task
            assert task is not None
            value: Any
            try:
                kind, value = worker.line.recv()
            except (EOFError, OSError):
                worker.process.join(5)
                self._workers.remove(worker)
                kind = "lost"
                value = f"its process died (exit code {worker.process.exitcode})"
            if kind == "progress":
                heard(task.item, value)
                continue
            worker.task = None
            yield task, kind, value

    def terminate(self) -> None:
        """Ask all processes to end."""
        for worker in self._workers:
            if worker.process.is_alive():
                worker.process.terminate()

    def close(self) -> None:
        """End all processes; those that are at something get time to bring it home."""
        self.terminate()
        for worker in self._workers:
            worker.line.close()
            worker.process.join(_GRACE)
            if worker.process.is_alive():
                worker.process.kill()
            worker.process.join()


@contextmanager
def _set_threads(cores: int) -> Iterator[None]:
    """`few_threads` for processes that are started meanwhile: these import the program, and with
    it perhaps the libraries, before anything else."""
    threads = machine.few_threads(cores)
    before = {name: os.environ[name] for name in threads if name in os.environ}
    os.environ.update(threads)
    try:
        yield
    finally:
        for name in threads:
            del os.environ[name]
        os.environ.update(before)


def _serve(line: Connection, work: Work) -> None:
    """The life of a process: item after item, until the line is closed, which tells what is at work
    to end."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Ctrl-C reaches the driver, too, which knows whether it ends the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def report(progress: Progress) -> None:
        try:
            line.send(("progress", progress))
        except OSError:  # the driver is gone: nobody else will tell this work to end
            stop.set()

    while not stop.is_set():
        try:
            if not line.poll(_POLL):
                continue
            item = line.recv()
        except (EOFError, OSError):
            return
        try:
            answer = ForkingPickler.dumps(("result", work(item, report, stop)))
        except Exception as e:  # of the work, or of a result that cannot be sent
            kind = "lost" if isinstance(e, StoreError) else "raised"
            answer = ForkingPickler.dumps((kind, f"{type(e).__name__}: {e}"))
        try:
            line.send_bytes(answer)
        except OSError:
            return
