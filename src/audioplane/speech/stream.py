"""Features of a sound that arrives in pieces, each window once its look-ahead has come."""

import numpy as np
from jaxtyping import Float, Float32

from audioplane.clock import FRAME_SAMPLES, SAMPLE_RATE
from audioplane.errors import SpeechError
from audioplane.speech.ipa import IpaStream
from audioplane.speech.kinds import feature_kind, kind_names
from audioplane.speech.level import check_samples
from audioplane.speech.sound import Speech
from audioplane.speech.step_stream import StepStream, StreamStatistics
from audioplane.speech.window import (
    STEPS_PER_FRAME,
    WINDOW,
    frame_count,
    step_count,
    windows,
)

LEARNT = 60 * SAMPLE_RATE
"""Samples of a known speaker that `stream_statistics` uses."""


class SpeechStream:
    """`compute_features`, piece by piece. `open_stream` makes it.

    Level and band means are running ones, where `compute_features` takes those of the whole sound.
    """

    def __init__(self, parts: list[StepStream]):
        self._parts = parts
        self._steps = [np.zeros((0, 0), np.float32)] * len(parts)
        self.look_ahead = max(part.look_ahead for part in parts)
        """Samples after a frame's end that have to come before its window is settled."""
        self.samples = 0
        """Samples that were pushed."""
        self._given, self._finished = 0, False
        recognisers = [part.recogniser for part in parts if isinstance(part, IpaStream)]
        self.recogniser = recognisers[0] if recognisers else None
        """Of the phones of any language; None where no part runs it."""

    def push(self, sound: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "t w f"]:
        """Windows of the frames that are settled now, for the next samples at 16 kHz, any number.

        Raises `SpeechError` for samples that are not finite or lie far outside [−1, 1], and once
        the stream is finished.
        """
        if self._finished:
            raise SpeechError("this stream is finished: open another")
        check_samples(sound, self.samples)
        return self._settled(sound)

    def _settled(self, sound: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "t w f"]:
        self.samples += len(sound)
        for i, part in enumerate(self._parts):
            self._steps[i] = _joined(self._steps[i], part.push(sound))
        count = max(0, (min(map(len, self._steps)) - WINDOW) // STEPS_PER_FRAME + 1)
        if not count:
            return np.zeros((0, WINDOW, sum(s.shape[1] for s in self._steps)), np.float32)
        settled = [steps[: step_count(count)] for steps in self._steps]
        self._steps = [steps[STEPS_PER_FRAME * count :] for steps in self._steps]
        self._given += count
        return windows(np.concatenate(settled, 1))

    def predict(self, count: int) -> Float32[np.ndarray, "t w f"]:
        """The next `count` windows as predicted now: each part's best estimate of the sound so far,
        then its last step repeated. No state changes.

        Raises `SpeechError` before the first `push`.
        """
        if not self.samples:
            raise SpeechError("nothing can be predicted before the first sound: push some")
        span, columns = step_count(count), []
        for part, kept in zip(self._parts, self._steps, strict=True):
            steps = _joined(kept, part.predict())
            columns.append(steps[np.minimum(np.arange(span), len(steps) - 1)])
        return windows(np.concatenate(columns, 1))

    def finish(self) -> Float32[np.ndarray, "t w f"]:
        """Windows of the frames up to the end of what came. Nothing can be pushed after."""
        missing = 0 if self._finished else frame_count(self.samples) - self._given
        self._finished = True
        return self._settled(np.zeros(self.look_ahead + FRAME_SAMPLES, np.float32))[:missing]


def _joined(kept: np.ndarray, steps: np.ndarray) -> Float[np.ndarray, "s f"]:
    return np.concatenate([kept, steps]) if kept.size else steps


def can_stream(kind: str) -> bool:
    """Whether a kind can be streamed. Raises `SpeechError` for a name that
    `feature_kind` does not know."""
    return feature_kind(kind).streams is not None


def open_stream(kind: str, statistics: StreamStatistics | None = None) -> SpeechStream:
    """A stream of one kind of features.

    Args:
        kind: A name that `feature_kind` knows.
        statistics: Of speaker and microphone; None for typical speech.

    Raises:
        SpeechError: This kind cannot be streamed.
    """
    streams = feature_kind(kind).streams
    if streams is None:
        possible = ", ".join(name for name in kind_names() if feature_kind(name).streams)
        raise SpeechError(
            f"speech features '{kind}' cannot be streamed: train a head on "
            f"one of {possible}, or drive this one from a file"
        )
    statistics = statistics or StreamStatistics()
    return SpeechStream([stream(statistics) for stream in streams])


def stream_statistics(speech: Speech, kind: str) -> StreamStatistics:
    """Statistics of a recording's speaker for a stream of this kind, of its first minute.

    Raises `SpeechError` for a name that `feature_kind` does not know.
    """
    opening = speech.opening(LEARNT)
    if opening.level is None:
        return StreamStatistics()
    statistics = StreamStatistics(opening.level, opening.band_means)
    for stream in feature_kind(kind).streams or ():
        statistics = stream.learn(opening, statistics)
    return statistics
