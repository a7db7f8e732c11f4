"""Sessions over a WebSocket: PCM16 in; PCM16 and JPEG out, played by their frame numbers."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import numpy as np
from fastapi import WebSocket
from jaxtyping import UInt8
from starlette.websockets import WebSocketDisconnect

from audioplane.drive.stream import HeardFrame
from audioplane.media.image import encode_image
from audioplane.serve.service import BUSY, Service
from audioplane.serve.session import Session, pcm_of

SOUND, PICTURE = 1, 2
"""First byte of a binary message to the client; frame number and age in ms follow, then PCM16 of
16 kHz or a JPEG."""
_HEADER = struct.Struct("<BII")
_QUALITY = 85
"""Of the pictures, JPEG."""
_SEND_SECONDS = 5.0
"""A client that takes nothing for so long is gone."""
_REFUSED, _FULL, _TOO_BIG = 1008, 1013, 1009
"""WebSocket's codes."""

Send = Callable[[bytes | str], Awaitable[None]]


def header(kind: int, index: int, age: float) -> bytes:
    """How a binary message begins; `age` in seconds."""
    return _HEADER.pack(kind, index, round(1000 * age))


class SocketOutlet:
    """Sends what is heard and drawn at once; the client keeps the time."""

    def __init__(self, session: Session, send: Send):
        self._session, self._send = session, send

    async def sound(self, frame: HeardFrame) -> None:
        """Send a frame's sound."""
        age = self._session.age(frame.index)
        await self._send(header(SOUND, frame.index, age) + pcm_of(frame.sound))

    async def picture(self, index: int, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """Encode and send a picture."""
        jpeg = await asyncio.to_thread(encode_image, picture, ".jpg", _QUALITY)
        await self._send(header(PICTURE, index, self._session.leaves(index)) + jpeg)


async def serve_socket(service: Service, socket: WebSocket) -> None:
    """A WebSocket from its request to its end."""
    head = service.gallery.heads.get(socket.query_params.get("head", ""))
    if service.admits(socket) != 200 or head is None:
        await socket.close(_REFUSED)
        return
    if service.places < 1:
        await socket.accept()
        await socket.close(_FULL, BUSY)
        return
    service.places -= 1
    try:
        await socket.accept()
        send = _sender(socket)
        session = await asyncio.to_thread(Session, service.gallery, head, service.limits)
        works = session.works(SocketOutlet(session, send), send)
        await service.run(session, _take(session, socket, service.limits.message_bytes), *works)
    finally:
        service.places += 1
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()


def _sender(socket: WebSocket) -> Send:
    """Sends one message after the other. Raises `TimeoutError` where nobody takes it."""
    turn = asyncio.Lock()

    async def send(message: bytes | str) -> None:
        data = {"bytes": message} if isinstance(message, bytes) else {"text": message}
        async with turn:
            await asyncio.wait_for(socket.send({"type": "websocket.send", **data}), _SEND_SECONDS)

    return send


async def _take(session: Session, socket: WebSocket, most: int) -> None:
    """Hear the client and obey it until it leaves; `most`: bytes of a message."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        content = message.get("bytes")
        if content is None:
            session.obey(message.get("text") or "")
        elif len(content) > most:
            await socket.close(_TOO_BIG, "a message may hold two seconds of sound")
            return
        else:
            await session.hear(content)
