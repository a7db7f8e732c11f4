"""A head that hears sound while it is spoken. No clock and no thread: those are the caller's."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from audioplane.drive.animator import Animator
from audioplane.head.audio import CONTEXT_AFTER, CONTEXT_BEFORE
from audioplane.mark import Marker
from audioplane.media.audio import read_audio
from audioplane.speech.stream import SpeechStream, learn_voice, open_stream
from audioplane.speech.voice import Voice

FRAME = 640
"""Samples of a frame at 16 kHz: 40 ms."""


@dataclass(frozen=True)
class HeardFrame:
    """A frame that is ready to be drawn."""

    index: int
    """Frames since the stream began."""
    code: Float[Tensor, " k"]
    """What the head is to say."""
    sound: Float[np.ndarray, "640"]
    """The frame's own 40 ms at 16 kHz."""


def speaker_of(animator: Animator, kind: str) -> Voice | None:
    """The voice that a head learned from; None where its subject has no sound.

    Raises `SpeechError` for features that cannot be streamed.
    """
    open_stream(kind)
    path = animator.subject.paths.audio
    return learn_voice(read_audio(path), kind) if path.is_file() else None


class LiveHead:
    """Sound in, frames to draw out, in bounded memory, for as long as it goes on."""

    def __init__(self, animator: Animator, kind: str, voice: Voice | None = None):
        """`kind`: the features that the head was trained on; `voice` as of `speaker_of`.

        Raises `SpeechError` for features that cannot be streamed.
        """
        self._animator = animator
        self._speech: SpeechStream = open_stream(kind, voice)
        self.look_ahead = self._speech.look_ahead + CONTEXT_AFTER * FRAME
        """Samples after a frame's end that have to be heard before it can be drawn."""
        self._run: Float[np.ndarray, "u w f"] | None = None
        self._sound: deque[np.ndarray] = deque()
        self._rest = np.zeros(0, np.float32)
        self._index = 0

    def push(self, sound: Float[np.ndarray, " n"]) -> list[HeardFrame]:
        """The frames that can be drawn now, for 16 kHz sound of any length in [−1, 1].

        Raises `SpeechError` for samples that are not finite.
        """
        windows = self._speech.push(sound)
        self._keep(sound)
        return self._frames(windows)

    def finish(self) -> list[HeardFrame]:
        """The frames up to the end of what was heard. Nothing can be pushed after."""
        windows = self._speech.finish()
        self._keep(np.zeros(FRAME, np.float32))
        last = windows[-1:] if len(windows) or self._run is None else self._run[-1:]
        return self._frames(np.concatenate([windows, np.repeat(last, CONTEXT_AFTER, 0)]))

    def _keep(self, sound: Float[np.ndarray, " n"]) -> None:
        self._rest = np.concatenate([self._rest, sound])
        whole = len(self._rest) // FRAME
        self._sound.extend(self._rest[: whole * FRAME].reshape(-1, FRAME))
        self._rest = self._rest[whole * FRAME :]

    def _frames(self, windows: Float[np.ndarray, "t w f"]) -> list[HeardFrame]:
        if not len(windows):
            return []
        if self._run is None:  # before the first frame, the first one again
            self._run = np.repeat(windows[:1], CONTEXT_BEFORE, 0)
        run = np.concatenate([self._run, windows])
        context = CONTEXT_BEFORE + CONTEXT_AFTER
        if len(run) <= context:
            self._run = run
            return []
        self._run = run[-context:]
        frames = []
        for code in self._animator.excerpt_codes(run):
            frames.append(HeardFrame(self._index, code, self._sound.popleft()))
            self._index += 1
        return frames

    def draw(self, frame: HeardFrame, marker: Marker | None) -> UInt8[np.ndarray, "h w 3"]:
        """The picture of a frame; any frames may be left out. `marker` as for `Animator.speak`."""
        ref = self._animator.pose(frame.index)
        drawn = self._animator.draw(frame.code, ref, self._animator.subject.plate(ref)).image
        return drawn if marker is None else marker.mark(drawn, frame.index)
