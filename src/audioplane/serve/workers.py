"""Worker processes that render: clients on several cores do not wait for one interpreter.

In one process, threads that render for two clients hold the interpreter's lock in turn, and each
kernel waits for a thread on every core. A worker has one core and one interpreter; a session stays
with one worker.
"""

import atexit
import itertools
import multiprocessing
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
from audioplane.errors import AudioplaneError, ServeError
from audioplane.machine import cores
from audioplane.mark import Marker
from audioplane.serve.open_heads import HeadSource, OpenHeads

_WATCHED = 10 * FPS
"""Requests whose times are kept."""
_FEWEST = 10
"""Answers from which a mean is taken."""
_ENOUGH = 0.85
"""Share of the cores that sessions may use."""


@dataclass(frozen=True)
class FrameCost:
    """CPU time of a frame, seconds, mean of the latest."""

    heard: float
    """In a worker, until it can be rendered."""
    rendered: float | None
    """In a worker, to render it; None where clients draw and it is not known."""
    passed_on: float
    """In this process."""

    def of(self, drawn_there: bool) -> float | None:
        """All of it, for a client that draws by itself or does not; None where it is not known."""
        rendered = 0.0 if drawn_there else self.rendered
        return None if rendered is None else self.heard + rendered + self.passed_on

    def room(self, cores: int, sessions: tuple[int, int], drawn_there: bool) -> int | None:
        """How many more sessions these cores can have; None where it is not known.

        Args:
            cores: That the workers can use; this process has one of them.
            sessions: At work: those that are rendered here, and those that clients draw.
            drawn_there: Whether the clients of the further ones draw.
        """
        costs, further = (self.of(False) or 0.0, self.of(True) or 0.0), self.of(drawn_there)
        if not further:
            return None
        used = sum(n * cost for n, cost in zip(sessions, costs, strict=True))
        able = (_ENOUGH * cores / FPS - used) / further
        if self.passed_on:
            able = min(able, _ENOUGH / FPS / self.passed_on - sum(sessions))
        return int(able + 1e-9)


@dataclass(frozen=True)
class _Request:
    """What a worker is asked."""

    number: int
    verb: str
    arguments: tuple[Any, ...]


class Worker:
    """One process, asked from any thread; an answer is waited for."""

    def __init__(
        self,
        sources: Sequence[HeadSource],
        torsos: Path | None,
        answers: deque[tuple[float, int]],
    ):
        """`answers`: where its answers to "push" are noted (`Workers.answers`)."""
        context = multiprocessing.get_context("spawn")
        self._line, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, sources, torsos), daemon=True)
        self._process.start()
        there.close()
        atexit.register(self._process.kill)  # of one that is never closed: SIGTERM ends none
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._sending = threading.Lock()
        self.places: set[object] = set()
        """One for each stream that is open."""
        self.seconds: dict[str, deque[float]] = {v: deque(maxlen=_WATCHED) for v in _VERBS}
        """CPU time of its latest answers, by verb."""
        self.frames: deque[int] = deque(maxlen=_WATCHED)
        """Frames in the latest answers to "push"."""
        self._answers = answers
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
            if verb == "push" and not isinstance(answer, Exception):
                self.frames.append(len(answer))
                self._answers.append((time.process_time(), len(answer)))
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
        self._process.kill()
        self._process.join()


class Workers:
    """The workers of a server; one that died is replaced for the next session."""

    def __init__(self, sources: Sequence[HeadSource], count: int = 0, torsos: Path | None = None):
        """Starts processes; heads are opened in them when they are first asked for.

        Args:
            sources: The heads.
            count: Processes; 0 for one for every core.
            torsos: A folder for decoded torsos, shared by the processes; None keeps none.
        """
        self._sources, self._torsos = sources, torsos
        self.answers: deque[tuple[float, int]] = deque(maxlen=_WATCHED)
        """Latest answers of all to "push", in the order in which they came: this process's CPU time
        then, and frames."""
        count = count or cores()
        self._workers = [Worker(sources, torsos, self.answers) for _ in range(count)]
        self._choosing = threading.Lock()

    def stream(self, head: str, marker: Marker | None, drawn_there: bool = False) -> "RemoteStream":
        """A stream of a head in the worker that has fewest. Raises as the head's opening does."""
        with self._choosing:
            workers = self._workers
            for i, worker in enumerate(workers):
                if not worker.alive:
                    workers[i] = Worker(self._sources, self._torsos, self.answers)
            worker, place = min(workers, key=lambda w: len(w.places)), object()
            worker.places.add(place)
        try:
            return RemoteStream(worker, place, (head, marker, drawn_there))
        except BaseException:
            worker.places.discard(place)
            raise

    @property
    def pids(self) -> list[int]:
        """Ids of the processes."""
        return [worker.pid for worker in self._workers]

    @property
    def cores(self) -> int:
        """That the workers can use."""
        return min(len(self._workers), cores())

    def frame_cost(self) -> FrameCost | None:
        """What a frame costs; None before enough are known."""
        frames = sum(sum(list(w.frames)) for w in self._workers)
        if frames < _FEWEST:
            return None
        heard = sum(sum(list(w.seconds["push"])) for w in self._workers) / frames
        draws = [s for w in self._workers for s in list(w.seconds["draw"])]
        rendered = float(np.mean(draws)) if len(draws) >= _FEWEST else None
        return FrameCost(heard, rendered, _passed_on(list(self.answers)))

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()


def _passed_on(answers: Sequence[tuple[float, int]]) -> float:
    """This process's CPU time for a frame: its clock when workers answered, and how many frames
    each answer brought."""
    frames = sum(count for _, count in answers[1:])
    return (answers[-1][0] - answers[0][0]) / max(frames, 1)


class RemoteStream:
    """A `LiveHead` in a worker, in which it has a place."""

    def __init__(self, worker: Worker, place: object, begins: tuple[str, Marker | None, bool]):
        """`begins`: the arguments of `OpenHeads.open`."""
        self._worker, self._place, self._drawn_there = worker, place, begins[2]
        self._id, self.look_ahead, self.delay = worker.ask("open", *begins)
        """`look_ahead` in samples, `delay` in seconds, as of a `ServedHead`."""
        self._drawn: dict[int, bytes] = {}

    def push(self, sound: Float[np.ndarray, " n"]) -> list[StreamFrame]:
        """As `LiveHead.push`."""
        frames = []
        for index, code, own, moment, drawn in self._worker.ask("push", self._id, sound):
            frames.append(StreamFrame(index, torch.from_numpy(code), own, moment))
            if self._drawn_there:
                self._drawn[index] = drawn
        return frames

    def frame_bytes(self, frame: StreamFrame) -> bytes:
        """What a client draws a frame from, once."""
        return self._drawn.pop(frame.index)

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
    drawing: Path | None = None
    """As of a `Source`."""

    def stream(self, marker: Marker | None, drawn_there: bool = False) -> RemoteStream:
        """A stream of the head for one client, which may draw by itself."""
        return self.workers.stream(self.name, marker, drawn_there)


_VERBS = ("open", "push", "draw", "close")


def _serve(line: Connection, sources: Sequence[HeadSource], torsos: Path | None) -> None:
    """The life of a worker: one request after another, until the line is closed."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):  # the server ends it, and may drain before
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    import numba

    numba.set_num_threads(1)
    heads = OpenHeads(sources, torsos)
    verbs = {"open": heads.open, "push": heads.push, "draw": heads.draw, "close": heads.close}
    while True:
        try:
            request: _Request = line.recv()
        except (EOFError, OSError):
            return
        started = time.thread_time()  # torsos are decoded by another
        try:
            answer = verbs[request.verb](*request.arguments)
        except AudioplaneError as e:
            answer = e
        except Exception as e:
            # The server might not read one that holds more than a message, and would wait for ever.
            answer = RuntimeError(f"{type(e).__name__}: {e}")
        seconds = time.thread_time() - started
        try:
            line.send((request.number, seconds, request.verb, answer))
        except OSError:
            return
