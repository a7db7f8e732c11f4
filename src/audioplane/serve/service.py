"""What all requests of a server share: heads, limits, the sessions that run."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, HTTPException, Request, WebSocket
from starlette.websockets import WebSocketDisconnect

from audioplane.serve.heads import Gallery
from audioplane.serve.limits import Limits, Rate, authorised
from audioplane.serve.session import Session

BUSY = "all places are taken: try again later"


class Service:
    """What all requests share."""

    def __init__(self, gallery: Gallery, token: str | None, limits: Limits):
        self.gallery, self._token, self.limits = gallery, token, limits
        self.rate = Rate(limits.requests_a_minute)
        self.sessions: dict[str, Session] = {}
        self.places = limits.clients
        self.calls: set[asyncio.Task[None]] = set()
        """Those over WebRTC, which outlive the request that began them."""
        self.decoding = asyncio.Semaphore(1)
        self.rendering = asyncio.Semaphore(1)

    @asynccontextmanager
    async def life(self, _: FastAPI) -> AsyncIterator[None]:
        """From start to end of the server, which ends the calls."""
        yield
        for call in self.calls:
            call.cancel()
        await asyncio.gather(*self.calls, return_exceptions=True)

    def admits(self, connection: Request | WebSocket) -> int:
        """200, 401 without the token, 429 too often."""
        address = connection.client.host if connection.client else ""
        if not self.rate.allow(address):
            return 429
        known = authorised(self._token, connection.headers, connection.query_params)
        return 200 if known else 401

    def session(self, id: str) -> Session:
        """A session that runs. Raises `HTTPException` 404."""
        if id not in self.sessions:
            raise HTTPException(404, "no such session")
        return self.sessions[id]

    async def run(self, session: Session, *works: Coroutine[Any, Any, None]) -> None:
        """Run a session until one of these ends or its time is over; till then it can be found."""
        self.sessions[session.id] = session
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=self.limits.session_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                with suppress(WebSocketDisconnect, asyncio.TimeoutError):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            del self.sessions[session.id]
