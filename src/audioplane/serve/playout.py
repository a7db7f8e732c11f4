"""The playout of a call: sound and images leave when due, on one clock, with its time stamps.

Receivers play together what was sent together (RTP's sender reports hold no other time), so sound
and images wait here until images are there; over a WebSocket the client waits.
"""

import asyncio
from collections import deque

import numpy as np
from aiortc import MediaStreamTrack, RTCDataChannel
from jaxtyping import UInt8

from audioplane.clock import FRAME_SAMPLES, SAMPLE_RATE
from audioplane.drive.stream import StreamFrame
from audioplane.media.frames import AudioFrame, VideoFrame, image_frame, sound_frame
from audioplane.serve.session import Session, pcm_of
from audioplane.serve.sockets import IMAGE, header

_PIECE = SAMPLE_RATE // 50
"""Samples of a sound packet."""
_AFTER_SOUND = 0.05
"""Seconds by which an image leaves after its sound: browsers buffer sound that much longer."""
_LATE = 0.04
"""Further seconds, from the end of its sound, after which an image is skipped."""
_MARGIN = 0.04
"""Seconds by which later sounds wait after one came too late."""
_WATCHED = 75
"""Sounds whose waiting times are kept."""
_FASTER = 0.1
"""Speed-up of the sound, as a fraction, while it waits longer than necessary."""
_WAITING = 25
"""Most images that wait."""
_SOUNDS_WAITING = 250
"""Most sounds that wait: 10 s, for a client that takes none."""
_BACKLOG = 4096
"""Bytes waiting on the data channel above which no ages are sent."""


class Playout:
    """The outlet of a call: two tracks that send what is due."""

    quality = None

    def __init__(self, session: Session):
        self.session = session
        self.sounds, self.images = SoundTrack(self), ImageTrack(self)
        self.channel: RTCDataChannel | None = None
        """Sends the client the number and the age of every image that leaves."""
        self._zero: float | None = None
        """Second of the clock at which frame 0 leaves. It moves: after a delay sound is sent later,
        and faster again while all of it waits; receivers stretch it."""
        self._waits: deque[float] = deque(maxlen=_WATCHED)

    async def sound(self, frame: StreamFrame) -> None:
        """Take the sound of the next frame."""
        start, delay = frame.index * FRAME_SAMPLES, self.session.stream.delay
        if self._zero is None:
            self._zero = asyncio.get_running_loop().time() + delay - start / SAMPLE_RATE
        wait = -self.lateness(start)
        if wait < 0:
            self._zero += _MARGIN - wait
            self._waits.clear()
        elif len(self._waits) == _WATCHED and min(self._waits) > delay:
            sooner = min(_FASTER * FRAME_SAMPLES / SAMPLE_RATE, min(self._waits) - delay)
            self._zero -= sooner
            self._waits = deque((w - sooner for w in self._waits), _WATCHED)
        self._waits.append(-self.lateness(start))
        self.sounds.waiting.append(pcm_of(frame.sound))
        self.sounds.came.set()

    async def image(self, index: int, image: UInt8[np.ndarray, "h w 3"] | bytes) -> None:
        """Take an image; the oldest is dropped where too many wait."""
        assert not isinstance(image, bytes)  # as `quality` asks for
        self.images.waiting.append((index, image))
        self.images.came.set()

    def lateness(self, sample: int) -> float:
        """Seconds since this sample was due; negative before."""
        assert self._zero is not None  # nothing waits before the first sound
        return asyncio.get_running_loop().time() - self._zero - sample / SAMPLE_RATE

    def leaves(self, index: int) -> None:
        """Note an image that is handed to the encoder and tell the client."""
        age, channel = self.session.leaves(index), self.channel
        if channel and channel.readyState == "open" and channel.bufferedAmount < _BACKLOG:
            channel.send(header(IMAGE, index, age))


class SoundTrack(MediaStreamTrack):
    """Every sample when it is due, overdue ones at once."""

    kind = "audio"

    def __init__(self, playout: Playout):
        super().__init__()
        self._playout, self._sent, self._pcm = playout, 0, b""
        self.waiting: deque[bytes] = deque(maxlen=_SOUNDS_WAITING)
        self.came = asyncio.Event()

    async def recv(self) -> AudioFrame:
        """The next 20 ms."""
        while len(self._pcm) < 2 * _PIECE:
            while not self.waiting:
                self.came.clear()
                await self.came.wait()
            self._pcm += self.waiting.popleft()
        await asyncio.sleep(max(0.0, -self._playout.lateness(self._sent)))
        frame = sound_frame(self._pcm[: 2 * _PIECE], SAMPLE_RATE, self._sent)
        self._pcm = self._pcm[2 * _PIECE :]
        self._sent += _PIECE
        return frame


class ImageTrack(MediaStreamTrack):
    """The newest image that is due and not too late."""

    kind = "video"

    def __init__(self, playout: Playout):
        super().__init__()
        self._playout = playout
        self.waiting: deque[tuple[int, UInt8[np.ndarray, "h w 3"]]] = deque(maxlen=_WAITING)
        self.came = asyncio.Event()

    async def recv(self) -> VideoFrame:
        """The next image, stamped with the time of its sound."""
        while True:
            while not self.waiting:
                self.came.clear()
                await self.came.wait()
            await asyncio.sleep(max(0.0, -self._lateness(self.waiting[0][0])))
            index, image = self.waiting.popleft()
            newer = self.waiting and self._lateness(self.waiting[0][0]) >= 0
            if newer or self._lateness(index + 1) > _LATE:
                self._playout.session.skipped += 1
                continue
            self._playout.leaves(index)
            return image_frame(image, index * FRAME_SAMPLES, SAMPLE_RATE)

    def _lateness(self, index: int) -> float:
        """Seconds since this image was due; negative before."""
        return self._playout.lateness(index * FRAME_SAMPLES) - _AFTER_SOUND
