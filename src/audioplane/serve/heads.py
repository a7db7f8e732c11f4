"""The heads that a server offers, by name. Nothing else can be reached."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from audioplane.clock import FRAME_SAMPLES
from audioplane.credentials import Provenance
from audioplane.drive import Animator, Talker
from audioplane.drive.stream import LiveHead
from audioplane.errors import ServeError
from audioplane.speech import StreamStatistics

_MARGIN = 0.12
"""Seconds that pictures and sound wait at the client, besides two drawings."""


@dataclass(frozen=True)
class ServedHead:
    """One head, ready to speak."""

    name: str
    animator: Animator
    kind: str
    """Speech features that it was trained on."""
    voice: StreamStatistics | None
    provenance: Provenance
    """What its pictures say of their making; every session has its own `for_another`."""
    look_ahead: int
    """Samples after a frame's end that are waited for (`LiveHead`)."""
    delay: float
    """Seconds by which a client should delay the sound, so that pictures are there in time."""

    def listen(self) -> LiveHead:
        """Ears for one client."""
        return LiveHead(self.animator, self.kind, self.voice, self.look_ahead)


class Gallery:
    """The heads by name, and the one thread that draws them, since kernels use all cores."""

    def __init__(self, heads: list[ServedHead]):
        names = [head.name for head in heads]
        if len(set(names)) < len(names):
            raise ServeError("two heads have the same name: rename a run's folder")
        self.heads = {head.name: head for head in heads}
        self.artist = ThreadPoolExecutor(1, thread_name_prefix="artist")


def open_head(talker: Talker, provenance: Provenance, look_ahead: int) -> ServedHead:
    """A head under the name of its run's folder; measures how long it draws.

    `look_ahead` as for `LiveHead`. Raises `SpeechError` for a head that cannot hear live.
    """
    run, animator = talker.run, talker.animator
    head = ServedHead(run.name, animator, run.speech, run.voice, provenance, look_ahead, 0.0)
    live = head.listen()
    frames = live.push(np.zeros(live.look_ahead + 6 * FRAME_SAMPLES, np.float32))
    marker, times = provenance.marker(*animator.size), []
    for frame in frames:
        started = time.perf_counter()
        live.draw(frame, marker)
        times.append(time.perf_counter() - started)
    delay = _MARGIN + 2 * statistics.median(times)
    return replace(head, delay=delay)
