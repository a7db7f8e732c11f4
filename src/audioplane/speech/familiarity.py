"""Distance of a sound from the speech that a head was trained on.

Every 320 ms of a sound is described by mean and deviation of its mel bands over time; its distance
is that to the k-th nearest of the descriptions kept of the training speech, each number in units of
its deviation there. Other voices and languages are near, music is not
(docs/decisions/experiments.md). Steady noise is near too, but is recognised by how little its
descriptions vary.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.clock import spread_over
from audioplane.speech.bands import BANDS
from audioplane.speech.level import CLIPPED_DB
from audioplane.speech.mel import mel_windows
from audioplane.speech.sound import Speech
from audioplane.speech.window import STEPS_PER_FRAME, WINDOW

NEIGHBOUR = 5
"""Rank of the nearest description that counts."""
MOST_EXAMPLES = 800
"""Descriptions kept, evenly spread: half a megabyte."""
STRANGE = 2.5
"""Multiple of the training speech's own distance beyond which a sound is unlike it."""
_LEAST_DEVIATION = 0.05
_LEAST_USUAL = 0.1
"""Least `variety` that counts: speech has 0.5 to 0.7, a sound that repeats itself none."""
_FEWEST = 40
"""Fewest descriptions to learn from, 1.6 s of sound."""
_FEWEST_VARIED = 25
"""Fewest descriptions for their variation, a second of sound."""
_FEWEST_JUDGED = 50
"""Fewest descriptions for the distance, two seconds of sound."""
_NARROW = 1.5
"""Factor on `STRANGE` for narrow-band sound, which is further from any full-band speech."""
_LEAST_VARIETY = 0.05
_SAME_WINDOW = WINDOW // STEPS_PER_FRAME
"""Frames whose windows overlap: an example is no neighbour of itself."""
_REACH = _SAME_WINDOW // 2
"""Frames at either end whose windows reach beyond it."""


@dataclass(frozen=True)
class Familiarity:
    """Statistics of the training speech. `Familiarity.learn` makes them."""

    examples: Float32[np.ndarray, "k 160"]
    """Descriptions of training frames, in units of `deviation`."""
    deviation: Float32[np.ndarray, " 160"]
    usual: float
    """Median distance of the training frames among themselves."""

    @staticmethod
    def learn(speech: Speech) -> "Familiarity | None":
        """The statistics of some speech; None where it holds less than 1.6 s of sound."""
        described = np.concatenate([described for described, _ in describe(speech)])
        if len(described) < _FEWEST:
            return None
        rows = spread_over(len(described), MOST_EXAMPLES)
        deviation = described.std(0) + np.float32(_LEAST_DEVIATION)
        examples = described[rows] / deviation
        distances = _squared_distances(examples, examples)
        distances[np.abs(rows[:, None] - rows) < _SAME_WINDOW] = np.inf
        return Familiarity(examples, deviation, float(np.median(_nearest(distances))))

    def strangeness(self, speech: Speech) -> float | None:
        """Distance from the training speech, or relative steadiness: the larger of the two.

        The one is the median distance of a sound's frames, in multiples of the training speech's
        own; the other 1 over the sound's `variety`. About 1 for the training speech itself; beyond
        `STRANGE` the sound is unlike it. None for less than two seconds of sound.
        """
        distances, means = [], _Spread()
        for described, whole in describe(speech):
            scaled = described / self.deviation
            distances.append(_nearest(_squared_distances(scaled, self.examples)))
            means.add(scaled[whole, :BANDS])
        distance = np.concatenate(distances)
        if len(distance) < _FEWEST_JUDGED:
            return None
        far = float(np.median(distance)) / max(self.usual, _LEAST_USUAL)
        variety = self._variety(means)
        return far if variety is None else max(far, 1 / max(variety, _LEAST_VARIETY))

    def variety(self, speech: Speech) -> float | None:
        """Deviation over time of a sound's mean mel bands, over that of the training speech.

        None for less than a second of sound. Windows that reach beyond the ends do not count.
        """
        means = _Spread()
        for described, whole in describe(speech):
            means.add((described / self.deviation)[whole, :BANDS])
        return self._variety(means)

    def _variety(self, means: "_Spread") -> float | None:
        if means.count < _FEWEST_VARIED:
            return None
        usual = float(self.examples[:, :BANDS].var(0).mean())
        return float(np.sqrt(means.variance / usual))


class _Spread:
    """The mean variance of rows that come in chunks."""

    def __init__(self) -> None:
        self.count = 0
        self._sum, self._squares = np.zeros(BANDS), np.zeros(BANDS)

    def add(self, rows: Float32[np.ndarray, "t 80"]) -> None:
        """The next rows."""
        self.count += len(rows)
        self._sum += rows.sum(0, dtype=np.float64)
        self._squares += np.square(rows, dtype=np.float64).sum(0)

    @property
    def variance(self) -> float:
        """Over time, mean of the columns."""
        mean = self._sum / self.count
        return max(0.0, float((self._squares / self.count - mean**2).mean()))


def sound_warnings(
    speech: Speech, familiarity: Familiarity | None, name: str = "the sound"
) -> list[str]:
    """Warnings before a head speaks a sound, a sentence each: that it is unlike the head's training
    speech, clipped, or narrow-band.

    There are none for less than two seconds of sound, and none of unlikeness for a head without
    statistics (`familiarity` None).
    """
    if speech.active_frames().sum() < _FEWEST_JUDGED:
        return []
    warnings, narrow = [], speech.is_narrow
    limit = STRANGE * (_NARROW if narrow else 1)
    strange = familiarity.strangeness(speech) if familiarity else None
    if narrow:
        warnings.append(
            f"{name} is narrow-band: it has nothing above 4 kHz, as on a telephone. The lips "
            "may miss hisses such as s and f"
        )
    if strange is not None and strange > limit:
        warnings.append(
            f"{name} is unlike the speech that this head was trained on ({strange:.1f} times its "
            f"usual distance; speech in any language stays under {limit:g}): is it noise or music? "
            "The lips may not follow it"
        )
    elif speech.crest is not None and speech.crest < CLIPPED_DB:
        warnings.append(
            f"{name} is clipped (peaks {speech.crest:.1f} dB above its level; "
            f"speech has more than {CLIPPED_DB:g}): was the microphone overdriven? Record it "
            "at a lower level; the lips may not follow it"
        )
    return warnings


def describe(
    speech: Speech,
) -> Iterator[tuple[Float32[np.ndarray, "_ 160"], Bool[np.ndarray, " _"]]]:
    """Mean and deviation of the mel bands in every frame with sound, in chunks;
    and which of these frames have their whole window within the sound."""
    active, first = speech.active_frames(), 0
    within = np.zeros(len(active), bool)
    within[_REACH : max(_REACH, len(active) - _REACH)] = True
    for windows in mel_windows(speech):
        frames = slice(first, first + len(windows))
        counted = active[frames]
        spoken = windows[counted]
        yield (
            np.concatenate([spoken.mean(1), spoken.std(1)], axis=1),
            within[frames][counted],
        )
        first += len(windows)


def _squared_distances(
    a: Float[np.ndarray, "t d"], b: Float[np.ndarray, "k d"]
) -> Float[np.ndarray, "t k"]:
    """Mean squared differences."""
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1)
    return np.maximum(squares - 2 * a @ b.T, 0) / a.shape[1]


def _nearest(distances: Float[np.ndarray, "t k"]) -> Float[np.ndarray, " t"]:
    """Distance to the `NEIGHBOUR`-th nearest, row by row."""
    return np.partition(distances, NEIGHBOUR - 1, axis=1)[:, NEIGHBOUR - 1].copy()
