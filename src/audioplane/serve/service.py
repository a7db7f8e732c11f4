"""The state shared by all requests of a server: heads, limits, running sessions."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from audioplane.serve.access import Access
from audioplane.serve.heads import Heads
from audioplane.serve.limits import Limits, Rate
from audioplane.serve.scratch import remove_stale_folders
from audioplane.serve.session import Session
from audioplane.serve.workers import Workers

BUSY = "too many sessions: try again later"
UNREADABLE = "this head cannot be shown now: the server's log says why"


@dataclass(frozen=True)
class Capacity:
    """What a load balancer asks for."""

    sessions: int
    """At work now."""
    drawn_by_clients: int
    """Those of them whose clients draw."""
    more: int
    """How many more can begin now: of sessions whose clients draw, where they may."""
    frame_ms: float | None
    """Time of a core that a frame of such a session takes, mean of the latest; None before it is
    known."""
    draining: bool
    """Whether it takes no new ones, because it is about to end."""


class Service:
    """The state shared by all requests."""

    def __init__(
        self, heads: Heads, access: Access, limits: Limits, workers: Workers | None = None
    ):
        self._workers = workers
        self.draining = False
        """Set to take no new sessions."""
        self.heads, self._access, self.limits = heads, access, limits
        self._rate, self._refused = (Rate(limits.requests_a_minute) for _ in range(2))
        self.sessions: dict[str, Session] = {}
        self.places = limits.clients
        self.drawn_there = 0
        """Sessions whose clients draw."""
        self.calls: set[asyncio.Task[None]] = set()
        """Those over WebRTC, which outlive the request that began them."""
        self.writing = ThreadPoolExecutor(limits.clients, thread_name_prefix="clips")

    @asynccontextmanager
    async def life(self, _: FastAPI) -> AsyncIterator[None]:
        """From start to end of the server, which ends the calls."""
        remove_stale_folders()
        yield
        for call in self.calls:
            call.cancel()
        await asyncio.gather(*self.calls, return_exceptions=True)
        self.writing.shutdown(cancel_futures=True)

    def refusal(self, connection: HTTPConnection) -> tuple[int, str] | None:
        """HTTP status and message for a refused request; None for an allowed one.

        Refused clients have a separate count, so that their attempts shut nobody out.
        """
        peer = connection.client.host if connection.client else ""
        refused = self._access.refusal(peer, connection.headers, connection.query_params)
        rate = self._rate if refused is None else self._refused
        if rate.allow(self._access.client(peer, connection.headers)):
            return refused
        return 429, "too many requests: wait a minute"

    def free(self, drawn_there: bool = False) -> int:
        """How many sessions can begin, whose clients draw by themselves or do not: as many as the
        limits and the measured times allow, but one always where none is at work: only sessions
        measure the times anew."""
        if self.draining:
            return 0
        cost = self._workers.frame_cost() if self._workers else None
        taken = self.limits.clients - self.places
        if self._workers is None or cost is None:
            return self.places
        able = cost.room(
            self._workers.cores, (taken - self.drawn_there, self.drawn_there), drawn_there
        )
        return self.places if able is None else max(0 if taken else 1, min(self.places, able))

    def capacity(self) -> Capacity:
        """Where the server stands."""
        cost = self._workers.frame_cost() if self._workers else None
        there = any(head.drawing is not None for head in self.heads.by_name.values())
        seconds = None if cost is None else cost.of(there)
        frame_ms = None if seconds is None else round(1000 * seconds, 2)
        taken = self.limits.clients - self.places
        return Capacity(taken, self.drawn_there, self.free(there), frame_ms, self.draining)

    def take(self, drawn_there: bool = False) -> None:
        """Take a place for a session."""
        self.places -= 1
        self.drawn_there += drawn_there

    def give_back(self, drawn_there: bool = False) -> None:
        """Free the place of a session that ended."""
        self.places += 1
        self.drawn_there -= drawn_there

    async def drained(self, seconds: float) -> None:
        """Take no new sessions, and wait until those at work have ended, at most so long."""
        self.draining = True
        until = asyncio.get_running_loop().time() + seconds
        while self.places < self.limits.clients and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.1)

    def session(self, id: str) -> Session:
        """A running session. Raises `HTTPException` 404."""
        if id not in self.sessions:
            raise HTTPException(404, "no such session")
        return self.sessions[id]

    async def run(self, session: Session, *works: Coroutine[Any, Any, None]) -> None:
        """Run a session, listed by its id, until one of the coroutines ends or its time is over."""
        self.sessions[session.id] = session
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=self.limits.session_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                with suppress(WebSocketDisconnect, TimeoutError):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            del self.sessions[session.id]
            session.ended.set()
