"""The heads that a server offers, by name."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from audioplane.clock import FRAME_SAMPLES, SAMPLE_RATE
from audioplane.credentials import Provenance
from audioplane.drive import Animator, Talker
from audioplane.drive.stream import LiveHead
from audioplane.errors import ServeError
from audioplane.speech import StreamStatistics

_MARGIN = 0.12
"""Seconds that images and sound wait at the client, besides the time to render two frames."""


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

    def stream(self) -> LiveHead:
        """A stream of the head for one client."""
        return LiveHead(self.animator, self.kind, self.voice, self.look_ahead, self.rest)


class Heads:
    """The heads by name, and the one thread that renders them, since kernels use all cores."""

    def __init__(self, heads: list[ServedHead]):
        names = [head.name for head in heads]
        if len(set(names)) < len(names):
            raise ServeError("two heads have the same name: rename a run's folder")
        self.by_name = {head.name: head for head in heads}
        self.drawing = ThreadPoolExecutor(1, thread_name_prefix="drawing")


def open_head(talker: Talker, provenance: Provenance, look_ahead: float = 0.24) -> ServedHead:
    """A head under the name of its run; measures its time to render.

    `look_ahead`: seconds of sound after a frame that are waited for. Raises `ServeError` for a
    negative one, `SpeechError` for a head whose features cannot be streamed.
    """
    if look_ahead < 0:
        raise ServeError("lookahead= cannot be negative")
    run, animator, samples = talker.run, talker.animator, round(look_ahead * SAMPLE_RATE)
    voice, rest = run.voice, talker.rest
    head = ServedHead(run.name, animator, run.speech, voice, rest, provenance, samples, 0.0)
    live = head.stream()
    frames = live.push(np.zeros(live.look_ahead + 6 * FRAME_SAMPLES, np.float32))
    marker, times = provenance.marker(*animator.size), []
    for frame in frames:
        started = time.perf_counter()
        live.draw(frame, marker)
        times.append(time.perf_counter() - started)
    delay = _MARGIN + 2 * statistics.median(times)
    return replace(head, delay=delay)
