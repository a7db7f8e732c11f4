"""How far a sound is from the speech that a head learned from.

Every 320 ms of a sound is described by mean and deviation of its mel bands over time; its distance
is that to the k-th nearest of the descriptions kept of the training speech, each number in units of
its deviation there. Voices and languages lie near, music does not
(docs/decisions/experiments.md); distances from the mean, or along principal axes, separated them
worse. Steady noise lies in the middle of
all speech, but stays there: it is told by how little its descriptions vary.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.speech.level import heard_frames
from audioplane.speech.mel import BANDS, mel_features
from audioplane.speech.window import STEP, STEPS_PER_FRAME, WINDOW

SAMPLES = STEP * STEPS_PER_FRAME
"""Of 16 kHz in one video frame."""
NEIGHBOUR = 5
"""Which of the nearest descriptions counts."""
MOST_EXAMPLES = 800
"""Descriptions kept, evenly spread: half a megabyte."""
STRANGE = 2.5
"""Times the training speech's own distance beyond which a sound is unlike what was learned."""
_LEAST_DEVIATION = 0.05
_FEWEST = 40
_FEWEST_VARIED = 25
"""Descriptions, a second of sound, below which their variation tells nothing."""
_LEAST_VARIETY = 0.05
_SAME_WINDOW = WINDOW // STEPS_PER_FRAME
"""Frames whose windows overlap: an example is no neighbour of itself."""
_REACH = _SAME_WINDOW // 2
"""Frames at either end whose windows reach beyond it."""


@dataclass(frozen=True)
class Familiarity:
    """What is remembered of the training speech. `Familiarity.learn` makes it."""

    examples: Float32[np.ndarray, "k 160"]
    """Descriptions of training frames, in units of `deviation`."""
    deviation: Float32[np.ndarray, " 160"]
    usual: float
    """Median distance of the training frames among themselves."""

    @staticmethod
    def learn(waveform: Float[np.ndarray, " n"]) -> "Familiarity | None":
        """Remember speech at 16 kHz; None where it holds less than two seconds of sound."""
        described = describe(waveform)
        if len(described) < _FEWEST:
            return None
        rows = np.linspace(0, len(described) - 1, min(MOST_EXAMPLES, len(described)))
        rows = rows.round().astype(int)
        deviation = described.std(0) + np.float32(_LEAST_DEVIATION)
        examples = described[rows] / deviation
        distances = _squared_distances(examples, examples)
        distances[np.abs(rows[:, None] - rows) < _SAME_WINDOW] = np.inf
        return Familiarity(examples, deviation, float(np.median(_nearest(distances))))

    def strangeness(self, waveform: Float[np.ndarray, " n"]) -> float | None:
        """How far from the training speech, or how much steadier: the larger of the two.

        The one is the median distance of a sound's frames, in multiples of the training speech's
        own; the other 1 over the sound's `variety`. About 1 for more of the same; beyond `STRANGE`
        the sound is unlike what was learned. None where nothing is heard.
        """
        described, whole = _described(waveform)
        if not len(described):
            return None
        distances = _squared_distances(described / self.deviation, self.examples)
        distance = float(np.median(_nearest(distances))) / self.usual
        variety = self._variety(described[whole])
        return distance if variety is None else max(distance, 1 / max(variety, _LEAST_VARIETY))

    def variety(self, waveform: Float[np.ndarray, " n"]) -> float | None:
        """Deviation over time of a sound's mean mel bands, over that of the training speech.

        None for less than a second of sound. Windows that reach beyond the ends do not count.
        """
        described, whole = _described(waveform)
        return self._variety(described[whole])

    def _variety(self, described: Float32[np.ndarray, "t 160"]) -> float | None:
        if len(described) < _FEWEST_VARIED:
            return None
        means = [x[:, :BANDS] for x in (described / self.deviation, self.examples)]
        own, usual = (float(m.var(0).mean()) for m in means)
        return float(np.sqrt(own / usual))


def describe(waveform: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "t 160"]:
    """Mean and deviation of the mel bands in every frame in which something is heard."""
    return _described(waveform)[0]


def _described(
    waveform: Float[np.ndarray, " n"],
) -> tuple[Float32[np.ndarray, "t 160"], Bool[np.ndarray, " t"]]:
    """`describe`, and which of these frames have their whole window within the sound."""
    windows = mel_features(waveform)
    counted = heard_frames(waveform, len(windows))
    within = np.zeros(len(windows), bool)
    within[_REACH : max(_REACH, len(windows) - _REACH)] = True
    heard = windows[counted]
    return np.concatenate([heard.mean(1), heard.std(1)], axis=1), within[counted]


def _squared_distances(
    a: Float[np.ndarray, "t d"], b: Float[np.ndarray, "k d"]
) -> Float[np.ndarray, "t k"]:
    """Mean squared differences."""
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1)
    return np.maximum(squares - 2 * a @ b.T, 0) / a.shape[1]


def _nearest(distances: Float[np.ndarray, "t k"]) -> Float[np.ndarray, " t"]:
    """Distance to the `NEIGHBOUR`-th nearest, row by row."""
    return np.partition(distances, NEIGHBOUR - 1, axis=1)[:, NEIGHBOUR - 1]
