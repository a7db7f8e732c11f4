"""Sending to a client that may not take anything."""

import asyncio

import pytest
from fastapi import WebSocket
from starlette.websockets import WebSocketState

from audioplane.serve import sockets


def stuck() -> WebSocket:
    """A WebSocket that takes only its first message."""
    taken: list[object] = []

    async def send(message: object) -> None:
        if taken:
            await asyncio.sleep(60)
        taken.append(message)

    async def receive() -> dict:
        raise AssertionError

    socket = WebSocket({"type": "websocket"}, receive, send)
    socket.application_state = WebSocketState.CONNECTED
    return socket


def test_a_client_that_takes_nothing_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_SEND_SECONDS", 0.2)

    async def session(messages: int) -> str:
        send = sockets._Sender(stuck())
        watching = asyncio.create_task(send.watch())
        sending = asyncio.gather(*(send("said") for _ in range(messages)))
        await asyncio.wait([watching, sending], timeout=0.6)
        ended = "gone" if watching.done() else "there"
        for task in (watching, sending):
            task.cancel()
        done = await asyncio.gather(watching, sending, return_exceptions=True)
        return ended if ended == "there" else type(done[0]).__name__

    assert asyncio.run(session(1)) == "there"
    assert asyncio.run(session(2)) == "TimeoutError"
