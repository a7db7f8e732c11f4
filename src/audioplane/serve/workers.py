"""Worker processes that render: clients on several cores do not wait for one interpreter.

In one process, threads that render for two clients hold the interpreter's lock in turn, and each
kernel waits for a thread on every core. A worker has one core and one interpreter; a session stays
with one worker.
"""

import itertools
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from audioplane.clock import FPS
from audioplane.credentials import Provenance
from audioplane.drive.stream import StreamFrame
from audioplane.errors import ServeError
from audioplane.mark import Marker
from audioplane.serve.open_heads import HeadSource, OpenHeads

_WATCHED = 10 * FPS
"""Requests whose times are kept."""
_FEWEST = 10
"""Answers from which a mean is taken."""
_ENOUGH = 0.85
"""Share of the cores that sessions may use."""


@dataclass(frozen=True)
class _Request:
    """What a worker is asked."""

    number: int
    verb: str
    arguments: tuple[Any, ...]


class Worker:
    """One process, asked from any thread; an answer is waited for."""

    def __init__(self, sources: Sequence[HeadSource], plates: Path | None):
        context = multiprocessing.get_context("spawn")
        self._line, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, sources, plates), daemon=True)
        self._process.start()
        there.close()
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._sending = threading.Lock()
        self.places: set[object] = set()
        """One for each stream that is open."""
        self.seconds: dict[str, deque[float]] = {v: deque(maxlen=_WATCHED) for v in _VERBS}
        """CPU time of its latest answers, by verb."""
        threading.Thread(target=self._read, name="worker", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.is_alive()

    @property
    def pid(self) -> int:
        """Its process's id."""
        return self._process.pid or 0

    def ask(self, verb: str, *arguments: Any) -> Any:
        """The answer. Raises `ServeError` where the process has died, and what it raised."""
        future: Future[Any] = Future()
        with self._sending:
            number = next(self._numbers)
            self._waiting[number] = future
            try:
                self._line.send(_Request(number, verb, arguments))
            except OSError:
                self._waiting.pop(number, None)
                raise ServeError("the process that rendered this session has died") from None
        return future.result()

    def _read(self) -> None:
        """Pass answers on until the process ends."""
        while True:
            try:
                number, seconds, verb, answer = self._line.recv()
            except (EOFError, OSError):
                break
            self.seconds[verb].append(seconds)
            future = self._waiting.pop(number)
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        self._process.join()
        with self._sending:
            waiting, self._waiting = list(self._waiting.values()), {}
        for future in waiting:
            future.set_exception(ServeError("the process that rendered this session has died"))

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


class Workers:
    """The workers of a server; one that died is replaced for the next session."""

    def __init__(self, sources: Sequence[HeadSource], count: int = 0, plates: Path | None = None):
        """Starts processes; heads are opened in them when they are first asked for.

        Args:
            sources: The heads.
            count: Processes; 0 for one for every core.
            plates: A folder for decoded torsos, shared by the processes; None keeps none.
        """
        self._sources, self._plates = sources, plates
        self._workers = [Worker(sources, plates) for _ in range(count or os.cpu_count() or 1)]
        self._choosing = threading.Lock()

    def stream(self, head: str, marker: Marker | None) -> "RemoteStream":
        """A stream of a head in the worker that has fewest. Raises as the head's opening does."""
        with self._choosing:
            workers = self._workers
            for i, worker in enumerate(workers):
                if not worker.alive:
                    workers[i] = Worker(self._sources, self._plates)
            worker, place = min(workers, key=lambda w: len(w.places)), object()
            worker.places.add(place)
        try:
            return RemoteStream(worker, place, head, marker)
        except BaseException:
            worker.places.discard(place)
            raise

    @property
    def pids(self) -> list[int]:
        """Ids of the processes."""
        return [worker.pid for worker in self._workers]

    def frame_seconds(self) -> float | None:
        """CPU time of one frame, mean of the latest; None before there are enough."""
        draws = [s for w in self._workers for s in list(w.seconds["draw"])]
        pushes = [s for w in self._workers for s in list(w.seconds["push"])]
        if min(len(draws), len(pushes)) < _FEWEST:
            return None
        return float(np.mean(draws) + np.mean(pushes))

    def capacity(self) -> int | None:
        """Sessions at 25 frames a second that these cores can have; None before it is known."""
        seconds = self.frame_seconds()
        if seconds is None:
            return None
        cores = min(len(self._workers), os.cpu_count() or 1)
        return int(_ENOUGH * cores / (FPS * seconds) + 1e-9)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()


class RemoteStream:
    """A `LiveHead` in a worker, in which it has a place."""

    def __init__(self, worker: Worker, place: object, head: str, marker: Marker | None):
        self._worker, self._place = worker, place
        self._id, self.look_ahead, self.delay = worker.ask("open", head, marker)
        """`look_ahead` in samples, `delay` in seconds, as of a `ServedHead`."""

    def push(self, sound: Float[np.ndarray, " n"]) -> list[StreamFrame]:
        """As `LiveHead.push`."""
        frames = self._worker.ask("push", self._id, sound)
        return [StreamFrame(i, torch.from_numpy(code), own, at) for i, code, own, at in frames]

    def image(self, frame: StreamFrame) -> UInt8[np.ndarray, "h w 3"]:
        """A frame's image, marked."""
        code = frame.code.numpy()
        return self._worker.ask("draw", self._id, frame.index, code, frame.moment, None)

    def jpeg(self, frame: StreamFrame, quality: int) -> bytes:
        """The same as JPEG of a quality from 0 to 100."""
        code = frame.code.numpy()
        return self._worker.ask("draw", self._id, frame.index, code, frame.moment, quality)

    def close(self) -> None:
        """Forget the stream."""
        self._worker.places.discard(self._place)
        try:
            self._worker.ask("close", self._id)
        except ServeError:
            pass  # there is nothing left to forget


@dataclass(frozen=True)
class RemoteHead:
    """A head that is opened in workers. As `ServedHead` for sessions."""

    name: str
    size: tuple[int, int]
    """Width and height of its frames, pixels."""
    provenance: Provenance
    workers: Workers

    def stream(self, marker: Marker | None) -> RemoteStream:
        """A stream of the head for one client."""
        return self.workers.stream(self.name, marker)


_VERBS = ("open", "push", "draw", "close")


def _serve(line: Connection, sources: Sequence[HeadSource], plates: Path | None) -> None:
    """The life of a worker: one request after another, until the line is closed."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends it
    torch.set_num_threads(1)
    import numba

    numba.set_num_threads(1)
    heads = OpenHeads(sources, plates)
    verbs = {"open": heads.open, "push": heads.push, "draw": heads.draw, "close": heads.close}
    while True:
        try:
            request: _Request = line.recv()
        except (EOFError, OSError):
            return
        started = time.process_time()
        try:
            answer = verbs[request.verb](*request.arguments)
        except Exception as e:
            answer = e
        seconds = time.process_time() - started
        try:
            line.send((request.number, seconds, request.verb, answer))
        except OSError:
            return
