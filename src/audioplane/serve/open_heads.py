"""The heads and streams of one worker: opened when asked for, let go when memory is short."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from audioplane.credentials import Provenance
from audioplane.drive import Talker
from audioplane.drive.moment import Moment
from audioplane.drive.stream import StreamFrame
from audioplane.drive.talker import LOOK_AHEAD
from audioplane.errors import CheckpointError
from audioplane.mark import Marker
from audioplane.serve.heads import LocalStream, ServedHead, open_head
from audioplane.serve.memory import memory_is_short
from audioplane.serve.torsos import KeptTorsos, with_kept_torsos


@dataclass(frozen=True)
class HeadSource:
    """Where a head comes from."""

    name: str
    path: Path
    """The run folder or the pack."""
    size: tuple[int, int]
    """Width and height of its frames, pixels."""
    provenance: Provenance
    subject: Path | None = None
    device: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `Talker.open`."""
    look_ahead: float = LOOK_AHEAD
    """Seconds (`open_head`)."""
    drawn_there: bool = False
    """Whether clients may draw it by themselves (`web.drawing.check_drawing`)."""

    def open(self, torsos: Path | None = None) -> ServedHead:
        """Read it and measure its time to render.

        Raises `CheckpointError` where it is not the head that `provenance` states, and as
        `Talker.open` and `open_head` do.
        """
        talker = Talker.open(self.path, subject=self.subject, device=self.device, **self.settings)
        if talker.run.sha256 != self.provenance.origin.head:
            raise CheckpointError(f"{self.path} has changed: start the server again to show it")
        if torsos is not None:
            animator = talker.animator
            file = torsos / f"{self.name}.torsos"
            animator.footage = footage = with_kept_torsos(animator.footage, talker.run.shown, file)
            if isinstance(footage, KeptTorsos):
                # Or the first minutes of a head would cost a fifth more than the later ones.
                threading.Thread(target=footage.decode_all, daemon=True).start()
        head = open_head(talker, self.provenance, self.look_ahead)
        return replace(head, name=self.name)


@dataclass
class _Opened:
    """A head in memory."""

    head: ServedHead
    streams: int = 0
    used: int = 0
    """When it was last asked for, counted in openings."""


class OpenHeads:
    """What a worker does."""

    def __init__(
        self,
        sources: Sequence[HeadSource],
        torsos: Path | None = None,
        is_short: Callable[[], bool] = memory_is_short,
    ):
        self._sources = {source.name: source for source in sources}
        self._torsos, self._is_short = torsos, is_short
        self._opened: dict[str, _Opened] = {}
        self._streams: dict[int, tuple[_Opened, LocalStream]] = {}
        self._drawn_there: set[int] = set()
        """Streams whose clients draw."""
        self._numbers = itertools.count(1)

    @property
    def names(self) -> list[str]:
        """The heads in memory."""
        return list(self._opened)

    def open(
        self, name: str, marker: Marker | None, drawn_there: bool = False
    ) -> tuple[int, int, float]:
        """A new stream: its number, look-ahead in samples, and its head's delay in seconds."""
        number = next(self._numbers)
        if name not in self._opened:
            self._let_go()
            self._opened[name] = _Opened(self._sources[name].open(self._torsos))
        opened = self._opened[name]
        stream = opened.head.stream(marker)
        opened.streams, opened.used = opened.streams + 1, number
        self._streams[number] = (opened, stream)
        if drawn_there:
            self._drawn_there.add(number)
        return number, stream.look_ahead, stream.delay

    def push(
        self, number: int, sound: Float[np.ndarray, " n"]
    ) -> list[tuple[int, np.ndarray, np.ndarray, Moment, bytes]]:
        """Index, code, sound and moment of the frames that can be rendered now, and what clients
        draw them from if they do."""
        _, stream = self._streams[number]
        drawn = stream.frame_bytes if number in self._drawn_there else lambda _: b""
        return [
            (f.index, f.code.cpu().numpy(), f.sound, f.moment, drawn(f)) for f in stream.push(sound)
        ]

    def draw(
        self,
        number: int,
        index: int,
        code: Float[np.ndarray, " k"],
        moment: Moment,
        quality: int | None,
    ) -> UInt8[np.ndarray, "h w 3"] | bytes:
        """A marked image; of a quality, as JPEG."""
        opened, stream = self._streams[number]
        on_device = torch.from_numpy(code).to(opened.head.animator.head.device)
        frame = StreamFrame(index, on_device, np.zeros(0, np.float32), moment)
        return stream.image(frame) if quality is None else stream.jpeg(frame, quality)

    def close(self, number: int) -> None:
        """Forget a stream."""
        opened, _ = self._streams.pop(number)
        self._drawn_there.discard(number)
        opened.streams -= 1
        self._let_go()

    def _let_go(self) -> None:
        """While memory is short, forget heads that nobody uses, least recently used first."""
        idle = sorted((o.used, name) for name, o in self._opened.items() if not o.streams)
        for _, name in idle:
            if not self._is_short():
                return
            del self._opened[name]
