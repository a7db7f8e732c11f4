"""How a person's mouth usually is: closed, open, in pauses."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from audioplane.face.regions import mouth_aperture
from audioplane.media.audio import read_audio
from audioplane.speech import Speech
from audioplane.subject import Subject

_CLOSED, _OPEN = 5, 95
"""Percentiles of the aperture."""
_PAUSE = 4
"""Frames without sound on either side that make a pause."""
_SHUT = 0.15
"""Fraction of the way from closed to open within which lips count as closed."""


@dataclass(frozen=True)
class MouthHabits:
    """A person's usual mouth apertures, by the landmarks of the training frames."""

    closed: float
    """Aperture that 5 % of the frames stay below."""
    mean: float
    open: float
    """Aperture that 5 % of the frames exceed."""
    deviation: float
    pause: float | None
    """Mean aperture where there is no sound for `_PAUSE` frames before and after; None where the
    person never pauses. People do not close their mouths in every pause."""

    @property
    def shut(self) -> float:
        """The widest aperture of closed lips."""
        return self.closed + _SHUT * (self.open - self.closed)


def mouth_habits(subject: Subject) -> MouthHabits:
    """Measure a subject's mouth. Raises `SubjectError` if a landmark file is damaged."""
    landmarks = np.stack([subject.landmarks(ref) for ref in subject.train])
    apertures = mouth_aperture(landmarks.astype(np.float64))
    closed, wide = np.percentile(apertures, [_CLOSED, _OPEN])
    silent = apertures[_in_pause(subject)]
    return MouthHabits(
        float(closed),
        float(apertures.mean()),
        float(wide),
        float(apertures.std()),
        float(silent.mean()) if len(silent) else None,
    )


def _in_pause(subject: Subject) -> Bool[np.ndarray, " t"]:
    """Which training frames lie in silence."""
    rows = np.array([ref.aud_id for ref in subject.train])
    if not subject.paths.audio.exists():
        return np.zeros(len(rows), bool)
    speech = Speech(read_audio(subject.paths.audio))
    active = speech.active_frames(int(rows.max()) + 1)
    near = np.convolve(active, np.ones(2 * _PAUSE + 1), "same") > 0
    return ~near[rows]
