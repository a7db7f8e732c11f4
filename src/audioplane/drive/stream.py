"""Driving of a head by sound that arrives in pieces. It has no clock and no thread of its own."""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from audioplane.clock import FRAME_SAMPLES, SAMPLE_RATE
from audioplane.drive.animator import Animator
from audioplane.drive.moment import Moment
from audioplane.drive.rest import eased
from audioplane.errors import SpeechError
from audioplane.head.audio import CONTEXT_AFTER, CONTEXT_BEFORE
from audioplane.mark import Marker
from audioplane.speech import SpeechStream, StreamStatistics, open_stream
from audioplane.speech.activity import LiveGate
from audioplane.speech.level import PAUSE, RunningLevel, block_power, check_samples


@dataclass(frozen=True)
class StreamFrame:
    """A frame that is ready to be rendered."""

    index: int
    """Frames since the stream began."""
    code: Float[Tensor, " k"]
    """The audio code."""
    sound: Float[np.ndarray, "640"]
    """The frame's own 40 ms at 16 kHz."""
    moment: Moment
    """What it takes from the recording."""


class LiveHead:
    """Sound in, frames to render out, for speech of any length in bounded memory."""

    def __init__(
        self,
        animator: Animator,
        kind: str,
        voice: StreamStatistics | None = None,
        look_ahead: int | None = None,
        rest: Float[Tensor, " k"] | None = None,
    ):
        """`kind`: the features that the head was trained on; `voice` as of `Run.voice`.

        `look_ahead`: samples after a frame's end that are waited for; None for all that
        the features use. With fewer the others are guessed (`SpeechStream.predict`).

        `rest`: the code to which the mouth comes where nobody speaks (`Run.rest`); None for what
        the head makes of the sound there.

        Raises `SpeechError` for features that cannot be streamed.
        """
        self.animator = animator
        """What renders it."""
        self._motion = animator.motion()
        self._voice = animator.voice()
        self._code = animator.frame_codes(self._voice)
        self._silent = PAUSE
        """Frames since the last sound of a voice."""
        self._rest_code = rest
        statistics = voice or StreamStatistics()
        self._level = RunningLevel(statistics.level)
        self._speech: SpeechStream = open_stream(kind, statistics)
        shared = self._speech.recogniser
        self._gate = None if rest is None else LiveGate(statistics, shared)
        whole = self._speech.look_ahead + CONTEXT_AFTER * FRAME_SAMPLES
        self.look_ahead = whole if look_ahead is None else min(look_ahead, whole)
        """Samples after a frame's end that must have come before it is rendered."""
        self._run: Float[np.ndarray, "u w f"] | None = None
        """Settled windows from `CONTEXT_BEFORE` frames before the next one on."""
        self._late = 0
        """Windows before those that are not settled yet."""
        self._sound: deque[np.ndarray] = deque()
        self._rest = np.zeros(0, np.float32)
        self._index = 0
        self._finished = False

    def push(self, sound: Float[np.ndarray, " n"]) -> list[StreamFrame]:
        """The frames that can be rendered now, for 16 kHz sound of any length in [−1, 1].

        Raises `SpeechError` for samples that are not finite, where nothing of the piece is taken,
        and once the stream is finished.
        """
        if self._finished:
            raise SpeechError("this stream is finished: open another")
        check_samples(sound, self._speech.samples)  # before anything of it is taken
        frames, sound = [], sound.astype(np.float32, copy=False)
        self._keep(sound)
        while len(sound):  # each frame by what has come when it is due, in pieces of any length
            missing = (self._index + 1) * FRAME_SAMPLES + self.look_ahead - self._speech.samples
            self._settle(self._speech.push(sound[:missing]))
            if self._gate is not None:
                self._gate.push(sound[:missing])
            if missing <= len(sound):
                frames.append(self._frame())
            sound = sound[missing:]
        return frames

    def finish(self) -> list[StreamFrame]:
        """The frames up to the end of what was pushed. Nothing can be pushed after."""
        if self._finished:
            return []
        self._finished = True
        count = max(1, self._speech.samples // FRAME_SAMPLES) - self._index
        self._settle(self._speech.finish())
        if self._gate is not None:
            self._gate.push(np.zeros(SAMPLE_RATE, np.float32))
        self._keep(np.zeros(FRAME_SAMPLES, np.float32))
        if self._run is not None:
            self._settle(np.repeat(self._run[-1:], CONTEXT_AFTER, 0))
        return [self._frame() for _ in range(count)]

    def _keep(self, sound: Float[np.ndarray, " n"]) -> None:
        self._rest = np.concatenate([self._rest, sound])
        whole = len(self._rest) // FRAME_SAMPLES
        self._sound.extend(self._rest[: whole * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES))
        self._rest = self._rest[whole * FRAME_SAMPLES :]

    def _settle(self, windows: Float[np.ndarray, "t w f"]) -> None:
        if self._run is None:
            if not len(windows):
                return
            # Before the first frame, the first one again.
            self._run, self._late = np.repeat(windows[:1], CONTEXT_BEFORE, 0), self._index
        run = np.concatenate([self._run, windows])
        dropped = min(self._late, len(run))
        self._run, self._late = run[dropped:], self._late - dropped

    def _frame(self) -> StreamFrame:
        """The next frame, by what is known of it now."""
        sound = self._sound.popleft()
        active = [self._level.update(float(power)) for power in block_power(sound)]
        self._silent = 0 if any(active) else self._silent + 1
        spoken = self._silent <= PAUSE
        code = self._code(self._context(), spoken)
        if self._gate is not None and self._rest_code is not None:
            code = eased(code, self._gate.share(), self._rest_code)
        frame = StreamFrame(self._index, code, sound, self._motion.step(spoken))
        self._index += 1
        self._late += 1
        if self._run is not None and len(self._run):
            self._run, self._late = self._run[1:], self._late - 1
        return frame

    def _context(self) -> Float[np.ndarray, "8 w f"]:
        """Windows around the next frame; those not yet settled are predicted."""
        span = CONTEXT_BEFORE + 1 + CONTEXT_AFTER
        if self._run is None:
            guessed = self._speech.predict(self._index + 1 + CONTEXT_AFTER)
            padded = np.concatenate([np.repeat(guessed[:1], CONTEXT_BEFORE, 0), guessed])
            return padded[self._index :]
        missing = span - len(self._run)
        if missing <= 0:
            return self._run[:span]
        guessed = self._speech.predict(self._late + missing)[self._late :]
        return np.concatenate([self._run, guessed])

    def draw(self, frame: StreamFrame, marker: Marker | None) -> UInt8[np.ndarray, "h w c"]:
        """The image of a frame; any frames may be left out. `marker` as for `Animator.speak`."""
        plate = self.animator.plate(frame.moment)
        drawn = self.animator.draw_moment(frame.code, frame.moment, plate, frame.index)
        if marker is not None:
            drawn = replace(drawn, image=marker.mark(drawn.image, frame.index))
        return drawn.pixels
