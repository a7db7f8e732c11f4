"""One client that is connected: its sound in; sound and images out, by the wall clock.

The sound of every frame goes out as soon as the frame is heard and waits for no drawing. Of the
frames that are heard, the newest is drawn. Both carry their frame's number. How they get to the
client is the outlet's: `sockets`, `calls`.
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from audioplane.clock import FPS, FRAME_SAMPLES, SAMPLE_RATE
from audioplane.drive.stream import StreamFrame
from audioplane.serve.heads import Heads, ServedHead
from audioplane.serve.limits import Limits
from audioplane.serve.samples import SampleQueue

_TICK = 0.02
"""Seconds between looks at the clock while no sound comes."""
_LEAD = SAMPLE_RATE // 2
"""Samples that the head may be fed ahead of the clock."""
_STARVED = SAMPLE_RATE // 5
"""Samples that a talking client may be behind the clock before silence stands in for it."""
_QUIET = 1.0
"""Seconds without sound after which a client counts as not talking."""


def pcm_of(sound: Float[np.ndarray, " n"]) -> bytes:
    """PCM16, little-endian."""
    return np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


@dataclass(frozen=True)
class Facts:
    """How a session goes."""

    p50: int
    """Median time from a frame's sound coming in to its image going out, ms."""
    p95: int
    drawn: int
    """Pictures sent."""
    skipped: int
    """Frames that were left out because a newer one was there."""
    waiting: float
    """Seconds of the client's sound that wait for the clock."""
    dropped: float
    """Seconds of it that were dropped because too much waited."""


@runtime_checkable
class Outlet(Protocol):
    """The way to a client. It tells the session of every image that leaves (`Session.leaves`)."""

    async def sound(self, frame: StreamFrame) -> None:
        """Take the sound of the next frame."""
        ...

    async def image(self, index: int, image: UInt8[np.ndarray, "h w 3"]) -> None:
        """Take the image of a frame; others may be missing before it."""
        ...


class Session:
    """Feeds one head by the clock, for one client."""

    def __init__(self, heads: Heads, head: ServedHead, limits: Limits, ahead: float | None = None):
        """`ahead`: seconds that the client may be ahead of the clock, fewer than the limit's."""
        self.id = secrets.token_urlsafe(16)
        self.head, self._drawing, self._limits = head, heads.drawing, limits
        self.live = head.stream()
        self.provenance = head.provenance.for_another()
        self._marker = self.provenance.marker(*head.animator.size)
        self.kept: deque[StreamFrame] = deque(maxlen=round(FPS * limits.clip_seconds))
        """Frames that can be downloaded."""
        self.ages: deque[float] = deque(maxlen=250)
        """Seconds from the end of a frame's sound coming in to its image leaving."""
        self.drawn = self.skipped = 0
        self.dropped = 0
        """Samples of the client that were dropped because too much waited."""
        self.ended = asyncio.Event()
        self.uploading, self.rendering = asyncio.Lock(), asyncio.Lock()
        """A client's uploads wait for each other, and so do its clips; nobody else's do."""
        seconds = limits.ahead_seconds if ahead is None else min(ahead, limits.ahead_seconds)
        self._sent = SampleQueue(max(_LEAD, round(seconds * SAMPLE_RATE)))
        self._uploaded = np.zeros(0, np.float32)
        self._last_sound = -_QUIET
        self._came = asyncio.Event()
        self._pending: deque[StreamFrame] = deque()
        self._wake = asyncio.Event()
        self._fed = 0
        self._fed_at: deque[tuple[int, float]] = deque(maxlen=500)

    def feed(self, pcm: bytes) -> None:
        """Take in PCM16, to be spoken by the clock; what there is no room for is dropped."""
        sound = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32) / 32768
        if len(sound):
            self.dropped += self._sent.push(sound)
            self._last_sound = asyncio.get_running_loop().time()
            self._came.set()

    def speak(self, sound: Float[np.ndarray, " n"]) -> None:
        """Speak an uploaded sound from now on, in the place of what the client sends."""
        self._uploaded = sound

    def command(self, text: str) -> None:
        """Take a command. There is one, "stop": speak nothing of what was sent or uploaded."""
        if text == "stop":
            self._uploaded = self._uploaded[:0]
            self._sent.clear()

    def works(
        self, outlet: Outlet, say: Callable[[str], Awaitable[None]]
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """What has to run as long as the client is there; `say` sends it text."""
        return self.report(say), self.listen(outlet), self.draw(outlet)

    async def report(self, say: Callable[[str], Awaitable[None]]) -> None:
        """Say hello, and every second how it goes; ends when it is cancelled."""
        width, height = self.head.animator.size
        hello = {
            "type": "hello",
            "session": self.id,
            "width": width,
            "height": height,
            "fps": FPS,
            "rate": SAMPLE_RATE,
            "look_ahead": self.live.look_ahead / SAMPLE_RATE,
            "delay": self.head.delay,
            "clip_seconds": self._limits.clip_seconds,
            "ahead_seconds": self._sent.most / SAMPLE_RATE,
            "ai_generated": True,
            "marked": self.provenance.key is not None,
            "mark_session": self.provenance.origin.session,
        }
        await say(json.dumps(hello))
        while True:
            await asyncio.sleep(1)
            await say(json.dumps({"type": "facts", **asdict(self.facts())}))

    def _next(self, due: int, now: float) -> Float[np.ndarray, " n"]:
        """What to feed when the clock has come to sample `due`."""
        behind = max(0, due - self._fed)
        if len(self._uploaded):
            piece, self._uploaded = self._uploaded[:behind], self._uploaded[behind:]
            self._sent.clear()
            return piece
        piece = self._sent.take(max(0, due + _LEAD - self._fed))
        if len(piece):
            return piece
        talking = now - self._last_sound < _QUIET
        return np.zeros(behind if not talking or behind > _STARVED else 0, np.float32)

    async def listen(self, outlet: Outlet) -> None:
        """Feed the head by the clock and pass on each frame's sound; ends when it is cancelled."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            now = loop.time()
            piece = self._next(int((now - start) * SAMPLE_RATE), now)
            if len(piece):
                self._fed += len(piece)
                self._fed_at.append((self._fed, now))
                for frame in await asyncio.to_thread(self.live.push, piece):
                    self.kept.append(frame)
                    self._pending.append(frame)
                    self._wake.set()
                    await outlet.sound(frame)
            self._came.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._came.wait(), _TICK)

    async def draw(self, outlet: Outlet) -> None:
        """Draw the newest frame that is heard, again and again; ends when it is cancelled.

        While the outlet takes an image the next one is drawn.
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
                image = await loop.run_in_executor(self._drawing, self.image, frame)
                if showing is not None:
                    await showing
                showing = asyncio.create_task(outlet.image(frame.index, image))
        finally:
            if showing is not None:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)

    def image(self, frame: StreamFrame) -> UInt8[np.ndarray, "h w 3"]:
        """A frame as it is sent, marked. For the one thread that draws."""
        return self.live.draw(frame, self._marker)

    def leaves(self, index: int) -> float:
        """Note that an image goes out now; its age in seconds."""
        self.drawn += 1
        self.ages.append(self.age(index))
        return self.ages[-1]

    def age(self, index: int) -> float:
        """Seconds since the end of a frame's sound came in."""
        end = (index + 1) * FRAME_SAMPLES
        came = next((at for fed, at in self._fed_at if fed >= end), None)
        now = asyncio.get_running_loop().time()
        return 0.0 if came is None else now - came

    def facts(self) -> Facts:
        """How it goes."""
        ages = [1000 * a for a in self.ages] or [0.0]
        p50, p95 = np.percentile(ages, [50, 95]).tolist()
        seconds = (len(self._sent) / SAMPLE_RATE, self.dropped / SAMPLE_RATE)
        waiting, dropped = (round(s, 2) for s in seconds)
        return Facts(round(p50), round(p95), self.drawn, self.skipped, waiting, dropped)
