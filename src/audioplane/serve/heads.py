"""The heads that a server offers, by name."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from audioplane.clock import FRAME_SAMPLES, SAMPLE_RATE
from audioplane.credentials import Provenance
from audioplane.drive import Animator, Talker
from audioplane.drive.stream import LiveHead, StreamFrame
from audioplane.drive.talker import LOOK_AHEAD
from audioplane.errors import ServeError
from audioplane.mark import Marker
from audioplane.media.image import encode_image
from audioplane.speech import StreamStatistics
from audioplane.web.drawing import frame_bytes

_MARGIN = 0.12
"""Seconds that images and sound wait at the client, besides the time to render two frames."""
_HEARING = 8
"""Fewest threads that push sound."""


@dataclass(frozen=True)
class ServedHead:
    """One head, ready to speak."""

    name: str
    animator: Animator
    kind: str
    """Speech features that it was trained on."""
    voice: StreamStatistics | None
    rest: Float[Tensor, " k"] | None
    """The code of the mouth at rest (`Talker.rest`)."""
    provenance: Provenance
    """The provenance of its images; every session has its own (`for_another`)."""
    look_ahead: int
    """Samples after a frame's end that are waited for (`LiveHead`)."""
    delay: float
    """Seconds by which a client should delay the sound, so that images arrive in time."""
    drawing: Path | None = None
    """As of a `Source`."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames, pixels."""
        return self.animator.size

    def live(self) -> LiveHead:
        """The head for one speech."""
        return LiveHead(self.animator, self.kind, self.voice, self.look_ahead, self.rest)

    def stream(self, marker: Marker | None, drawn_there: bool = False) -> "LocalStream":
        """A stream of the head for one client, which may draw by itself."""
        live = self.live()
        return LocalStream(live, marker, live.look_ahead, self.delay)


@dataclass(frozen=True)
class LocalStream:
    """A `Stream` in this process."""

    live: LiveHead
    marker: Marker | None
    look_ahead: int
    delay: float

    def push(self, sound: Float[np.ndarray, " n"]) -> list[StreamFrame]:
        return self.live.push(sound)

    def image(self, frame: StreamFrame) -> UInt8[np.ndarray, "h w 3"]:
        return self.live.draw(frame, self.marker)

    def jpeg(self, frame: StreamFrame, quality: int) -> bytes:
        return encode_image(self.image(frame), ".jpg", quality)

    def frame_bytes(self, frame: StreamFrame) -> bytes:
        animator = self.live.animator
        view = animator.view(frame.moment)
        body = None if view.body is None else view.body.numpy()
        numbers = animator.expression(frame.moment, frame.index)
        return frame_bytes(frame.code.cpu().numpy(), view.viewmat.numpy(), body, numbers)

    def close(self) -> None:
        pass


@runtime_checkable
class Stream(Protocol):
    """A head that speaks for one client, here or in a worker. Its methods may be called from any
    thread, `push` and the others at once."""

    @property
    def look_ahead(self) -> int:
        """Samples after a frame's end that must have come before it is rendered."""
        ...

    @property
    def delay(self) -> float:
        """Seconds by which a client should delay the sound, so that images arrive in time."""
        ...

    def push(self, sound: Float[np.ndarray, " n"]) -> list[StreamFrame]:
        """The frames that can be rendered now, for 16 kHz sound of any length."""
        ...

    def image(self, frame: StreamFrame) -> UInt8[np.ndarray, "h w 3"]:
        """A frame's image, marked; any frames may be left out."""
        ...

    def jpeg(self, frame: StreamFrame, quality: int) -> bytes:
        """The same as JPEG of a quality from 0 to 100."""
        ...

    def frame_bytes(self, frame: StreamFrame) -> bytes:
        """What a client draws a frame from (`web.drawing`); once, of a stream that was begun for
        such a client."""
        ...

    def close(self) -> None:
        """Free what it needs."""
        ...


@runtime_checkable
class Source(Protocol):
    """A head that is offered."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames, pixels."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Of its images; every session has its own."""
        ...

    @property
    def drawing(self) -> Path | None:
        """The folder of the files with which clients draw it (`web.drawing`); None where they may
        not."""
        ...

    def stream(self, marker: Marker | None, drawn_there: bool = False) -> Stream:
        """A stream of the head for one client, which may draw by itself."""
        ...


class Heads:
    """The heads by name, and the threads that wait for their frames and images."""

    def __init__(self, heads: Sequence[Source], threads: int = 1):
        """`threads`: one where heads render in this process, since kernels use all cores."""
        names = [head.name for head in heads]
        if len(set(names)) < len(names):
            raise ServeError("two heads have the same name: rename a run's folder")
        self.by_name = {head.name: head for head in heads}
        self.drawing = ThreadPoolExecutor(threads, thread_name_prefix="drawing")
        self.hearing = ThreadPoolExecutor(max(threads, _HEARING), thread_name_prefix="hearing")
        """Not asyncio's own, which may all wait for heads to open."""


def open_head(talker: Talker, provenance: Provenance, look_ahead: float = LOOK_AHEAD) -> ServedHead:
    """A head under the name of its run; measures its time to render.

    `look_ahead`: seconds of sound after a frame that are waited for. Raises `ServeError` for a
    negative one or a transparent background, `SpeechError` for features that cannot be streamed.
    """
    if look_ahead < 0:
        raise ServeError("lookahead= cannot be negative")
    if talker.animator.transparent:
        raise ServeError("background='transparent' cannot be served: choose an image or a colour")
    run, animator, samples = talker.run, talker.animator, round(look_ahead * SAMPLE_RATE)
    voice, rest = run.voice, talker.rest
    head = ServedHead(run.name, animator, run.speech, voice, rest, provenance, samples, 0.0)
    live = head.live()
    frames = live.push(np.zeros(live.look_ahead + 6 * FRAME_SAMPLES, np.float32))
    marker, times = provenance.marker(*animator.size), []
    for frame in frames:
        started = time.perf_counter()
        live.draw(frame, marker)
        times.append(time.perf_counter() - started)
    delay = _MARGIN + 2 * statistics.median(times)
    return replace(head, delay=delay)
