"""Sessions over a WebSocket: PCM16 in; PCM16 and JPEG out, to be played by their frame numbers."""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import numpy as np
from fastapi import WebSocket
from jaxtyping import UInt8
from starlette.websockets import WebSocketDisconnect

from audioplane.clock import SAMPLE_RATE
from audioplane.drive.stream import StreamFrame
from audioplane.errors import AudioplaneError, ServeError
from audioplane.serve.limits import Bucket, Limits
from audioplane.serve.service import BUSY, UNREADABLE, Service
from audioplane.serve.session import Session, pcm_of

SOUND, IMAGE, DRAWN_THERE = 1, 2, 3
"""First byte of a binary message to the client; frame number and age in ms follow, then PCM16 of
16 kHz, a JPEG, or PCM16 of 640 samples and what the client draws the frame from (`web.drawing`)."""
_HEADER = struct.Struct("<BII")
_QUALITY = 85
"""Of the images, JPEG."""
_SEND_SECONDS = 5.0
"""Seconds after which a client that takes nothing counts as disconnected."""
_ENDED, _REFUSED, _FULL, _TOO_BIG, _GONE, _FAILED = 1000, 1008, 1013, 1009, 1006, 1011
"""WebSocket's codes."""
_MESSAGES, _MESSAGES_A_SECOND = 200_000.0, 1000.0
"""Messages of a client at once, and then a second: an hour of sound in pieces of 20 ms."""
_SMALL, _SMALL_COST = 64, 400.0
"""Bytes under which a message holds hardly any sound, and as how many it counts: 500 at once."""
_log = logging.getLogger("audioplane.serve")

Send = Callable[[bytes | str], Awaitable[None]]


def header(kind: int, index: int, age: float) -> bytes:
    """The header of a binary message; `age` in seconds."""
    return _HEADER.pack(kind, index, round(1000 * age))


class SocketOutlet:
    """Sends sound and images at once; the client plays them in time."""

    quality = _QUALITY

    def __init__(self, session: Session, send: Send):
        self._session, self._send = session, send

    async def sound(self, frame: StreamFrame) -> None:
        """Send a frame's sound."""
        age = self._session.age(frame.index)
        await self._send(header(SOUND, frame.index, age) + pcm_of(frame.sound))

    async def image(self, index: int, image: UInt8[np.ndarray, "h w 3"] | bytes) -> None:
        """Send a JPEG."""
        assert isinstance(image, bytes)  # as `quality` asks for
        await self._send(header(IMAGE, index, self._session.leaves(index)) + image)


class DrawnThereOutlet:
    """Sends sound, code and pose; the client draws."""

    quality = None

    def __init__(self, session: Session, send: Send):
        self._session, self._send = session, send

    async def sound(self, frame: StreamFrame) -> None:
        """Send a frame."""
        drawn = self._session.stream.frame_bytes(frame)
        head = header(DRAWN_THERE, frame.index, self._session.leaves(frame.index))
        await self._send(head + pcm_of(frame.sound) + drawn)

    async def image(self, index: int, image: UInt8[np.ndarray, "h w 3"] | bytes) -> None:
        raise AssertionError("a session whose client draws renders nothing")


async def serve_socket(service: Service, socket: WebSocket) -> None:
    """A WebSocket from its request to its end."""
    head = service.heads.by_name.get(socket.query_params.get("head", ""))
    ahead = _number(socket.query_params.get("ahead"))
    if head is None:
        await socket.close(_REFUSED)
        return
    drawn_there = socket.query_params.get("draw") == "client" and head.drawing is not None
    if service.free(drawn_there) < 1:
        await socket.accept()
        await socket.close(_FULL, BUSY)
        return
    service.take(drawn_there)
    session = None
    try:
        await socket.accept()
        send = _Sender(socket)
        asked = (service.heads, head, service.limits, ahead, drawn_there)
        session = await asyncio.to_thread(Session, *asked)
        outlet = (DrawnThereOutlet if drawn_there else SocketOutlet)(session, send)
        works = session.works(outlet, send)
        receive = _receive(session, socket, service.limits)
        await service.run(session, receive, send.watch(), *works)
    except ServeError as e:  # its worker died
        await _close(socket, _FAILED, str(e))
    except AudioplaneError as e:  # what it is read from was removed or damaged meanwhile
        _log.warning("%s cannot be shown: %s", head.name, e)
        await _close(socket, _FAILED, UNREADABLE)
    finally:
        service.give_back(drawn_there)
        if session is not None:
            await session.close()
        await _close(socket)


async def _close(socket: WebSocket, code: int = _ENDED, reason: str | None = None) -> None:
    """End a WebSocket that may have ended, or whose client may take nothing."""
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        await asyncio.wait_for(socket.close(code, reason), _SEND_SECONDS)


def _number(text: str | None) -> float | None:
    """Seconds in a query; None where there are none."""
    try:
        seconds = float(text or "nan")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


class _Sender:
    """Sends one message after the other."""

    def __init__(self, socket: WebSocket):
        self._socket, self._turn = socket, asyncio.Lock()
        self._began: float | None = None
        """When the message that is being sent was begun."""

    async def __call__(self, message: bytes | str) -> None:
        """Raises `WebSocketDisconnect` if the client is gone."""
        data = {"bytes": message} if isinstance(message, bytes) else {"text": message}
        async with self._turn:
            self._began = asyncio.get_running_loop().time()
            try:
                await self._socket.send({"type": "websocket.send", **data})
            except RuntimeError:  # what Starlette and uvicorn raise for a closed socket
                raise WebSocketDisconnect(_GONE) from None
            finally:
                self._began = None

    async def watch(self) -> None:
        """Raise `TimeoutError` once the client does not take a message."""
        while True:
            await asyncio.sleep(_SEND_SECONDS / 5)
            now = asyncio.get_running_loop().time()
            if self._began is not None and now - self._began > _SEND_SECONDS:
                raise TimeoutError


async def _receive(session: Session, socket: WebSocket, limits: Limits) -> None:
    """Take the client's sound and commands until it disconnects."""
    budget = Bucket(_MESSAGES, _MESSAGES_A_SECOND)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            if message.get("code") == _TOO_BIG:
                _log.warning("a client sent a message of more than %d bytes", limits.message_bytes)
            return
        content, text = message.get("bytes"), message.get("text")
        if not budget.take(1.0 if content and len(content) >= _SMALL else _SMALL_COST):
            await socket.close(_REFUSED, "too many messages: put more sound into each")
            return
        if content is None:
            session.command(text or "")
        else:
            session.feed(content)
        if session.dropped > limits.excess_seconds * SAMPLE_RATE:
            await socket.close(_REFUSED, "far more sound than can be spoken: send it in time")
            return
        await asyncio.sleep(0)  # gives other clients a turn between two messages
