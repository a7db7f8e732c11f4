"""HTTP connections, limited in number and in the time until a request begins."""

import asyncio
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from audioplane.serve.access import Access
from audioplane.serve.limits import Limits


class Connections:
    """The open HTTP connections of a server; idle ones are closed in favour of new ones."""

    def __init__(self, limits: Limits, access: Access):
        self.limits, self._access = limits, access
        self._open: dict[LimitedProtocol, str] = {}
        """In the order of opening, with the address at the other end, "" for a proxy."""

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
        """Whether no request has come, or all have been answered."""
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        """Start or stop the clock."""
        if self.idle and self._timer is None:
            seconds = self.doors.limits.header_seconds
            self._timer = self.loop.call_later(seconds, self.transport.abort)
        elif not self.idle:
            self._stop()

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
        """Wait for the next request."""
        super().on_response_complete()
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


def server_config(app: Any, host: str, port: int, limits: Limits, access: Access) -> uvicorn.Config:
    """uvicorn's configuration for an application within these limits."""
    doors = Connections(limits, access)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=type("LimitedProtocol", (LimitedProtocol,), {"doors": doors}),
        ws="websockets-sansio",
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
