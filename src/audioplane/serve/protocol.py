"""HTTP connections, limited in number and in the time until a request begins, and the WebSockets
that they become."""

import asyncio
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from audioplane.serve.access import Access
from audioplane.serve.limits import Bucket, Limits

_CLOSE_SECONDS = 15.0
"""Seconds that a WebSocket has to close after its session; uvicorn waits 10 of them for a reply."""
_FRAMES, _FRAMES_A_SECOND = 2000.0, 1000.0
"""Pings and pieces of messages of a client at once, and then a second."""


class Connections:
    """The open HTTP connections of a server; idle ones are closed in favour of new ones."""

    def __init__(self, limits: Limits, access: Access):
        self.limits, self._access = limits, access
        self._open: dict[LimitedProtocol, str] = {}
        """The one idle longest first, with the address at the other end, "" for a proxy."""

    def enter(self, connection: "LimitedProtocol", address: str) -> None:
        """Add a connection; where there are too many, close one."""
        if self._access.client(address, {"x-forwarded-for": "somebody"}) != address:
            address = ""  # a proxy stands for many
        self._open[connection] = address
        crowd = list(self._open)
        if len(crowd) <= self.limits.connections:
            crowd = [c for c, a in self._open.items() if a == address != ""]
            if len(crowd) <= self.limits.connections_an_address:
                return
        given_up = next((c for c in crowd if c.idle), connection)
        self.leave(given_up)
        given_up.transport.abort()

    def answered(self, connection: "LimitedProtocol") -> None:
        """Note that a connection has been idle since now only."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def leave(self, connection: "LimitedProtocol") -> None:
        """Remove a connection that was closed or became a WebSocket."""
        self._open.pop(connection, None)


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 that disconnects clients whose request takes too long."""

    connections: Any
    doors: Connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place among the connections."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._timer: asyncio.TimerHandle | None = None
        self._watch()
        self.doors.enter(self, self.client[0] if self.client else "")

    @property
    def idle(self) -> bool:
        """Whether no request has come, or all have been answered and the client has the answers."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self._left

    @property
    def _left(self) -> int:
        """Bytes of answers that the client has still to take."""
        return self.transport.get_write_buffer_size()

    def _watch(self) -> None:
        """Start or stop the clock, which runs while the client has to ask or to take."""
        limits, left = self.doors.limits, self._left
        if not self.idle and not left:
            self._stop()
        elif self._timer is None:
            seconds = limits.stall_seconds if left else limits.header_seconds
            self._timer = self.loop.call_later(seconds, self._expire, left)

    def _expire(self, left: int) -> None:
        """Disconnect, unless the client has taken some of the bytes that were left."""
        self._timer = None
        if self._left < left:
            self._watch()
        else:
            self.transport.abort()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        super().data_received(data)
        if self.transport.get_protocol() is self:
            self._watch()

    def on_response_complete(self) -> None:
        """Wait until the client has the answer, and for the next request."""
        super().on_response_complete()
        self.doors.answered(self)
        self._stop()
        self._watch()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Hand the connection over: sessions have limits of their own."""
        self._stop()
        self.doors.leave(self)
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._stop()
        self.doors.leave(self)
        super().connection_lost(exc)


class LimitedSocket(WebSocketsSansIOProtocol):
    """A WebSocket that is cut where the client does not take its end, or sends too many frames that
    are no messages."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        super().connection_made(transport)
        self._frames = Bucket(_FRAMES, _FRAMES_A_SECOND)

    def handle_ping(self) -> None:
        """Answer."""
        if self._allowed():
            super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        """Take a piece of a message."""
        if self._allowed():
            super().handle_cont(event)

    def _allowed(self) -> bool:
        """Whether there were not too many of these frames; else the connection is cut."""
        allowed = self._frames.take()
        if not allowed:
            self.transport.abort()
        return allowed

    async def run_asgi(self) -> None:
        """The session. Closing would wait without end for a client that reads nothing."""
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(_CLOSE_SECONDS, self.transport.abort)


def server_config(app: Any, host: str, port: int, limits: Limits, access: Access) -> uvicorn.Config:
    """uvicorn's configuration for an application within these limits."""
    doors = Connections(limits, access)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=type("LimitedProtocol", (LimitedProtocol,), {"doors": doors}),
        ws=LimitedSocket,
        ws_max_size=limits.message_bytes,
        ws_per_message_deflate=False,  # 84 bytes of it may be 64 kB
        loop="asyncio",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # `Access` reads them
        server_header=False,
        timeout_graceful_shutdown=2,
    )
