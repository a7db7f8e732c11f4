"""The session of one client: its sound in, sound and images out, by the wall clock.

The sound of every frame is sent once it is due and does not wait for rendering; of the frames that
are due, the newest is rendered. Both carry their frame's number. An outlet sends them: `sockets`,
`calls`.
"""

import asyncio
import base64
import json
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int8, UInt8

from audioplane.clock import FPS, FRAME_SAMPLES, SAMPLE_RATE
from audioplane.drive.stream import StreamFrame
from audioplane.serve.heads import Heads, Source, Stream
from audioplane.serve.limits import Limits
from audioplane.serve.samples import SampleQueue
from audioplane.web.drawing import mark_cells

_TICK = 0.02
"""Seconds between checks of the clock while no sound comes."""
_LEAD = SAMPLE_RATE // 2
"""Samples that the head may be fed ahead of the clock."""
_STARVED = SAMPLE_RATE // 5
"""Samples that a talking client may be behind the clock before silence stands in for it."""
_LATE = SAMPLE_RATE
"""Samples behind the clock from which a machine counts as too slow to hear: sound is left out."""
_QUIET = 1.0
"""Seconds without sound after which a client counts as not talking."""


def pcm_of(sound: Float[np.ndarray, " n"]) -> bytes:
    """PCM16, little-endian."""
    return np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


@dataclass(frozen=True)
class Facts:
    """Statistics of a session."""

    p50: int
    """Median time from a frame's sound coming in to its image going out, ms."""
    p95: int
    drawn: int
    """Images sent."""
    skipped: int
    """Frames that were left out because a newer one was there."""
    waiting: float
    """Seconds of the client's sound that wait for the clock."""
    dropped: float
    """Seconds of it that were dropped because too much waited, or the machine was too slow."""


@runtime_checkable
class Outlet(Protocol):
    """The connection to a client. It calls `Session.leaves` for every image that it sends."""

    async def sound(self, frame: StreamFrame) -> None:
        """Take the sound of the next frame."""
        ...

    @property
    def quality(self) -> int | None:
        """Of the JPEG that it takes; None to take images."""
        ...

    async def image(self, index: int, image: UInt8[np.ndarray, "h w 3"] | bytes) -> None:
        """Take the image of a frame; earlier frames may have none."""
        ...


class Session:
    """Feeds one head, in real time, for one client."""

    def __init__(
        self,
        heads: Heads,
        head: Source,
        limits: Limits,
        ahead: float | None = None,
        drawn_there: bool = False,
    ):
        """`ahead`: seconds that the client may be ahead of the clock, fewer than the limit's.

        `drawn_there`: the client draws; `head.drawing` has to be there.
        """
        self.id = secrets.token_urlsafe(16)
        self.head, self._limits = head, limits
        self._drawing, self._hearing = heads.drawing, heads.hearing
        self.provenance = head.provenance.for_another()
        self.drawn_there = drawn_there
        marker = self.provenance.marker(*head.size)
        self.stream: Stream = head.stream(marker, drawn_there)
        self.kept: deque[StreamFrame] = deque(maxlen=round(FPS * limits.clip_seconds))
        """Frames that can be downloaded."""
        self.ages: deque[float] = deque(maxlen=250)
        """Seconds from the end of a frame's sound coming in to its image leaving."""
        self.drawn = self.skipped = 0
        self.dropped = 0
        """Samples of the client that were dropped because too much waited."""
        self.unheard = 0
        """Samples of the client that were left out because the machine was too slow."""
        self.ended = asyncio.Event()
        self.uploading, self.rendering = asyncio.Lock(), asyncio.Lock()
        """One upload, and one clip, of a client at a time; other clients do not wait."""
        seconds = limits.ahead_seconds if ahead is None else min(ahead, limits.ahead_seconds)
        self._sent = SampleQueue(max(_LEAD, round(seconds * SAMPLE_RATE)))
        self._uploaded = np.zeros(0, np.float32)
        self._last_sound = -_QUIET
        self._came = asyncio.Event()
        self._pending: deque[StreamFrame] = deque()
        self._wake = asyncio.Event()
        self._fed = 0
        self._fed_at: deque[tuple[int, float]] = deque(maxlen=500)

    async def close(self) -> None:
        """Free what renders it."""
        await asyncio.to_thread(self.stream.close)

    def feed(self, pcm: bytes) -> None:
        """Take PCM16 to be spoken in real time; what does not fit is dropped."""
        sound = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32) / 32768
        if len(sound):
            self.dropped += self._sent.push(sound)
            self._last_sound = asyncio.get_running_loop().time()
            self._came.set()

    def speak(self, sound: Float[np.ndarray, " n"]) -> None:
        """Speak an uploaded sound from now on, instead of what the client sends."""
        self._uploaded = sound

    def command(self, text: str) -> None:
        """Take a command. The only one is "stop": drop all sound that waits."""
        if text == "stop":
            self._uploaded = self._uploaded[:0]
            self._sent.clear()

    def works(
        self, outlet: Outlet, say: Callable[[str], Awaitable[None]]
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """The coroutines of a session; `say` sends the client text."""
        works = self.report(say), self.listen(outlet)
        return works if self.drawn_there else (*works, self.draw(outlet))

    async def report(self, say: Callable[[str], Awaitable[None]]) -> None:
        """Send "hello", then statistics every second, until cancelled."""
        width, height = self.head.size
        hello = {
            "type": "hello",
            "session": self.id,
            "width": width,
            "height": height,
            "fps": FPS,
            "rate": SAMPLE_RATE,
            "look_ahead": self.stream.look_ahead / SAMPLE_RATE,
            "delay": self.stream.delay,
            "clip_seconds": self._limits.clip_seconds,
            "ahead_seconds": self._sent.most / SAMPLE_RATE,
            "ai_generated": True,
            "marked": self.provenance.key is not None,
            "mark_session": self.provenance.origin.session,
            "draw": "client" if self.drawn_there else "server",
        }
        if self.drawn_there:
            hello["mark"] = base64.b64encode(self.mark_cells().tobytes()).decode()
        await say(json.dumps(hello))
        while True:
            await asyncio.sleep(1)
            await say(json.dumps({"type": "facts", **asdict(self.facts())}))

    def _next(self, due: int, now: float) -> Float[np.ndarray, " n"]:
        """The sound to feed when the clock has reached sample `due`."""
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
        """Feed the head in real time and pass on each frame's sound, until cancelled."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            now = loop.time()
            due = int((now - start) * SAMPLE_RATE)
            if (late := due - self._fed) > _LATE:
                # The clock waits for the machine, or the head would fall ever further behind. What
                # a microphone said meanwhile is left out; a file that waits is only spoken later.
                start, due = start + late / SAMPLE_RATE, self._fed
                if len(self._sent) <= late + _LEAD:
                    self.unheard += len(self._sent.take(late))
            piece = self._next(due, now)
            if len(piece):
                self._fed += len(piece)
                self._fed_at.append((self._fed, now))
                for frame in await loop.run_in_executor(self._hearing, self.stream.push, piece):
                    self.kept.append(frame)
                    if not self.drawn_there:
                        self._pending.append(frame)
                        self._wake.set()
                    await outlet.sound(frame)
            self._came.clear()
            tick = loop.call_later(_TICK, self._came.set)  # `wait_for` makes a task each time
            await self._came.wait()
            tick.cancel()

    async def draw(self, outlet: Outlet) -> None:
        """Render the newest frame that is due, again and again, until cancelled.

        While the outlet takes an image the next one is rendered.
        """
        loop, quality = asyncio.get_running_loop(), outlet.quality
        showing: asyncio.Task[None] | None = None
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                frame = self._pending[-1]
                self.skipped += len(self._pending) - 1
                self._pending.clear()
                render = self.image if quality is None else partial(self.jpeg, quality=quality)
                image = await loop.run_in_executor(self._drawing, render, frame)
                if showing is not None:
                    await showing
                showing = asyncio.create_task(outlet.image(frame.index, image))
        finally:
            if showing is not None:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)

    def mark_cells(self) -> Int8[np.ndarray, "2 64 64"]:
        """Of the mark in this session's frames."""
        payload, key = self.provenance.payload, self.provenance.key
        assert key is not None  # as `web.drawing.check_drawing` asks for
        return mark_cells(payload, key)

    def image(self, frame: StreamFrame) -> UInt8[np.ndarray, "h w 3"]:
        """A frame's marked image. For the thread that renders."""
        return self.stream.image(frame)

    def jpeg(self, frame: StreamFrame, quality: int) -> bytes:
        """The same as JPEG of a quality from 0 to 100."""
        return self.stream.jpeg(frame, quality)

    def leaves(self, index: int) -> float:
        """Record that an image leaves now; returns its age in seconds."""
        self.drawn += 1
        self.ages.append(self.age(index))
        return self.ages[-1]

    def age(self, index: int) -> float:
        """Seconds since the end of a frame's sound came in."""
        end = (index + 1) * FRAME_SAMPLES
        came = None
        for fed, at in reversed(self._fed_at):
            if fed < end:
                break
            came = at
        now = asyncio.get_running_loop().time()
        return 0.0 if came is None else now - came

    def facts(self) -> Facts:
        """Statistics so far."""
        ages = [1000 * a for a in self.ages] or [0.0]
        p50, p95 = np.percentile(ages, [50, 95]).tolist()
        dropped = self.dropped + self.unheard
        seconds = (len(self._sent) / SAMPLE_RATE, dropped / SAMPLE_RATE)
        waiting, dropped = (round(s, 2) for s in seconds)
        return Facts(round(p50), round(p95), self.drawn, self.skipped, waiting, dropped)
