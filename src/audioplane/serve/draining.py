"""The end of a server: sessions at work may finish."""

import asyncio
import signal
from types import FrameType

import uvicorn

from audioplane.serve.service import Service


class DrainingServer(uvicorn.Server):
    """A server that SIGTERM lets finish its sessions before it ends."""

    def __init__(self, config: uvicorn.Config, service: Service, seconds: float):
        """`seconds`: most that sessions get."""
        super().__init__(config)
        self._service, self._seconds = service, seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Serve until it is to end."""
        self._loop = asyncio.get_running_loop()
        await super().main_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first SIGTERM; end at any other signal."""
        if sig == signal.SIGTERM and self._loop is not None and not self._service.draining:
            self._service.draining = True
            self._loop.call_soon_threadsafe(self._begin)
        else:
            super().handle_exit(sig, frame)

    def _begin(self) -> None:
        self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        await self._service.drained(self._seconds)
        self.should_exit = True
