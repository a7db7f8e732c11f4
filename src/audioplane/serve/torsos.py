"""Torsos that were decoded once: kept in a file that all workers map into their memory.

Decoding a torso takes a quarter of a frame's time, and two are needed while one frame passes into
another. The system drops pages of the file where memory is short, and they are read again; in a
folder that is in memory itself (tmpfs) it cannot.
"""

import errno
import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from audioplane.clock import spread_over
from audioplane.run import Footage
from audioplane.run.footage import FootageLike
from audioplane.serve.memory import memory_is_short
from audioplane.subject import FrameRef
from audioplane.subject.torso import over

MOST_BYTES = 1 << 30
"""Of one head: 95 s at 512 x 512 pixels where torsos fill the lower two fifths. Torsos of more are
decoded anew."""
_LOOKS = 8
"""Torsos that are looked at to find how far up they reach."""
_LAST = 19
"""Niceness of the thread that decodes ahead."""
_ROOM = 16
"""Rows above them that are kept as well. What reaches further up is decoded anew."""


@dataclass(frozen=True)
class KeptTorsos(FootageLike):
    """Footage whose torsos are decoded once."""

    lower: UInt8[np.ndarray, "n r w 4"]
    """The last rows of them, shared between processes."""
    there: UInt8[np.ndarray, " n"]
    """Which of them are: 1, or 2 where a torso reaches further up."""
    rows: dict[int, int]
    """By img_id."""

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"] | None:
        lower = self._lower(ref)
        if lower is None:
            return self.recorded.torso(ref)
        torso = np.empty((self.size[1], *lower.shape[1:]), np.uint8)
        torso[: -len(lower)], torso[-len(lower) :] = 0, lower
        return torso

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        lower = self._lower(ref)
        if lower is None:
            return super().plate(ref)
        plate = self.background.copy()
        plate[-len(lower) :] = over(lower, plate[-len(lower) :])
        return plate

    def decode_all(self) -> None:
        """Decode all that are not there yet, on what the machine has to spare (Linux), unless
        memory is short: then the head may have been let go."""
        with suppress(AttributeError, OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST)
        for ref in self.refs:
            if memory_is_short():
                return
            self._lower(ref)

    def _lower(self, ref: FrameRef) -> UInt8[np.ndarray, "r w 4"] | None:
        """The last rows of a torso; None where it reaches further up, or is not among the kept."""
        row = self.rows.get(ref.img_id)
        if row is None or self.there[row] == 2:
            return None
        if not self.there[row]:
            torso = np.asarray(self.recorded.torso(ref))
            rows = self.lower.shape[1]
            if torso[:-rows, :, 3].any():
                self.there[row] = 2
                return None
            self.lower[row] = torso[-rows:]
            self.there[row] = 1
        return np.asarray(self.lower[row])


def with_kept_torsos(footage: Footage, shown: Sequence[FrameRef], file: Path) -> Footage:
    """The same footage with the torsos of `shown` frames in `file`, which is made; unchanged where
    they are too many, or modelled, or the disk has no room for them."""
    torsos = [footage.torso(shown[i]) for i in spread_over(len(shown), _LOOKS)]
    tops = [int(t[..., 3].any(1).argmax()) for t in torsos if t is not None and t[..., 3].any()]
    if not tops:
        return footage
    rows = {ref.img_id: i for i, ref in enumerate(shown)}
    width, height = footage.size
    shape = (len(rows), height - max(0, min(tops) - _ROOM), width, 4)
    if int(np.prod(shape)) > MOST_BYTES:
        return footage
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        lower = _mapped(file, shape)
        there = _mapped(file.with_suffix(".there"), (len(rows),))
    except OSError:
        return footage
    return KeptTorsos(footage, lower, there, rows)


def _mapped(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A file of zeros, or the one that another process made. Raises `OSError` where it has no room:
    writing into a sparse file on a full disk would end the process."""
    size = int(np.prod(shape))
    with file.open("ab") as made:
        if made.tell() < size:
            if shutil.disk_usage(file.parent).free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(made.fileno(), 0, size)
            made.truncate(size)
    return np.memmap(file, np.uint8, "r+", shape=shape)
