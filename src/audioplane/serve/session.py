"""One client that is connected: its sound in; sound and pictures out, by the wall clock.

The sound of every frame is sent as soon as the frame is heard and waits for no drawing. Of the
frames that are heard, the newest is drawn. A client plays both by their frame numbers.
"""

import asyncio
import secrets
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from audioplane.drive.stream import FRAME, HeardFrame
from audioplane.media.image import encode_image
from audioplane.serve.heads import Gallery, ServedHead
from audioplane.serve.limits import Limits

RATE = 16000
SOUND, PICTURE = 1, 2
"""First byte of a binary message to the client; frame number and age in ms follow, then PCM16 of
16 kHz or a JPEG."""
_HEADER = struct.Struct("<BII")
_QUALITY = 85
"""Of the pictures, JPEG."""
_TICK = 0.02
"""Seconds between looks at the clock while no sound comes."""
_LEAD = RATE // 2
"""Samples that a client may be ahead of the clock."""
_STARVED = RATE // 5
"""Samples that a talking client may be behind the clock before silence stands in for it."""
_QUIET = 1.0
"""Seconds without sound after which a client counts as not talking."""

Send = Callable[[bytes], Awaitable[None]]


def pcm_of(sound: Float[np.ndarray, " n"]) -> bytes:
    """PCM16, little-endian."""
    return np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


@dataclass(frozen=True)
class Facts:
    """How a session goes."""

    p50: int
    """Median time from a frame's sound coming in to its picture going out, ms."""
    p95: int
    drawn: int
    """Pictures sent."""
    skipped: int
    """Frames that were left out because a newer one was there."""


class Session:
    """Feeds one head by the clock, for one client."""

    def __init__(self, gallery: Gallery, head: ServedHead, limits: Limits, send: Send):
        self.id = secrets.token_urlsafe(16)
        self.head, self._artist, self._send = head, gallery.artist, send
        self.live = head.listen()
        self.provenance = head.provenance.for_another()
        self._marker = self.provenance.marker(*head.animator.size)
        self.kept: deque[HeardFrame] = deque(maxlen=round(25 * limits.clip_seconds))
        """Frames that can be downloaded."""
        self.ages: deque[float] = deque(maxlen=250)
        """Seconds from the end of a frame's sound coming in to its picture being sent."""
        self.drawn = self.skipped = 0
        self._heard = np.zeros(0, np.float32)
        self._said = np.zeros(0, np.float32)
        self._last_sound = -_QUIET
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._pending: deque[HeardFrame] = deque()
        self._wake = asyncio.Event()
        self._fed = 0
        self._fed_at: deque[tuple[int, float]] = deque(maxlen=500)

    async def hear(self, pcm: bytes) -> None:
        """Take in PCM16; waits while the client is too far ahead of the clock."""
        sound = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32) / 32768
        while len(self._heard) > _LEAD:
            self._room.clear()
            await self._room.wait()
        self._heard = np.concatenate([self._heard, sound])
        self._last_sound = asyncio.get_running_loop().time()
        self._came.set()

    def say(self, sound: Float[np.ndarray, " n"]) -> None:
        """Speak this from now on, in the place of what the client sends."""
        self._said = sound

    def obey(self, text: str) -> None:
        """Take a command; there is one, "stop": say no more of what was uploaded."""
        if text == "stop":
            self._said = self._said[:0]

    def works(self) -> tuple[Coroutine[Any, Any, None], Coroutine[Any, Any, None]]:
        """What has to run as long as the client is there."""
        return self.listen(), self.draw()

    def _next(self, due: int, now: float) -> Float[np.ndarray, " n"]:
        """What to feed when the clock has come to sample `due`."""
        behind = max(0, due - self._fed)
        if len(self._said):
            piece, self._said = self._said[:behind], self._said[behind:]
            self._heard = self._heard[:0]
            return piece
        piece = self._heard[: max(0, behind + _LEAD)]
        self._heard = self._heard[len(piece) :]
        self._room.set()
        if len(piece):
            return piece
        talking = now - self._last_sound < _QUIET
        return np.zeros(behind if not talking or behind > _STARVED else 0, np.float32)

    async def listen(self) -> None:
        """Feed the head by the clock and send each frame's sound; ends when it is cancelled."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            now = loop.time()
            piece = self._next(int((now - start) * RATE), now)
            if len(piece):
                self._fed += len(piece)
                self._fed_at.append((self._fed, now))
                for frame in await asyncio.to_thread(self.live.push, piece):
                    self.kept.append(frame)
                    self._pending.append(frame)
                    self._wake.set()
                    await self._send(self._header(SOUND, frame.index) + pcm_of(frame.sound))
            self._came.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._came.wait(), _TICK)

    async def draw(self) -> None:
        """Draw the newest frame that is heard, again and again; ends when it is cancelled.

        While a picture is encoded and sent the next one is drawn.
        """
        loop = asyncio.get_running_loop()
        showing: asyncio.Task[None] | None = None
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                frame = self._pending[-1]
                self.skipped += len(self._pending) - 1
                self._pending.clear()
                picture = await loop.run_in_executor(self._artist, self.picture, frame)
                if showing is not None:
                    await showing
                showing = asyncio.create_task(self._show(frame.index, picture))
        finally:
            if showing is not None:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)

    def picture(self, frame: HeardFrame) -> UInt8[np.ndarray, "h w 3"]:
        """A frame as it leaves the house, marked. For the one thread that draws."""
        return self.live.draw(frame, self._marker)

    async def _show(self, index: int, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        jpeg = await asyncio.to_thread(encode_image, picture, ".jpg", _QUALITY)
        self.drawn += 1
        self.ages.append(self._age(index))
        await self._send(self._header(PICTURE, index) + jpeg)

    def _age(self, index: int) -> float:
        """Seconds since the end of a frame's sound came in."""
        end = (index + 1) * FRAME
        came = next((at for fed, at in self._fed_at if fed >= end), None)
        now = asyncio.get_running_loop().time()
        return 0.0 if came is None else now - came

    def _header(self, kind: int, index: int) -> bytes:
        return _HEADER.pack(kind, index, round(1000 * self._age(index)))

    def facts(self) -> Facts:
        """How it goes."""
        ages = [1000 * a for a in self.ages] or [0.0]
        p50, p95 = np.percentile(ages, [50, 95]).tolist()
        return Facts(round(p50), round(p95), self.drawn, self.skipped)
