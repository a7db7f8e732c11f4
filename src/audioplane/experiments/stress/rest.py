"""How fast and how still a mouth rests after speech, whatever else is heard then."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from audioplane.clock import FPS, FRAME_SAMPLES
from audioplane.evaluate.scores.visemes import LipShapes
from audioplane.experiments.stress import stimuli
from audioplane.speech import Speech

SPEECH, REST = 2.0, 1.6
"""Seconds of speech, at least if there are, and of what follows."""
_PAUSE = 8
"""Frames without sound that end a phrase."""
CLOSING = 0.16
"""Seconds within which the mouth should be shut."""
QUIVER = 0.05
"""Fraction of the speech's deviation of aperture that a mouth at rest may have."""
_ROOM, _BREATH, _MUSIC = -30.0, -15.0, -20.0
"""Levels against the speech, dB."""
COLUMNS = ("after speech", "shut after ms", "deviation, of speech's")


@dataclass(frozen=True)
class Ending:
    """Speech, then something else."""

    name: str
    sound: Float32[np.ndarray, " n"]
    end: int
    """Frames of speech."""


@dataclass(frozen=True)
class RestRow:
    """A mouth after speech."""

    name: str
    """What is heard then."""
    closing: float | None
    """Seconds after the speech from which on the mouth is shut; None where it does not stay so."""
    quiver: float | None
    """Deviation of the aperture from `CLOSING` on, over that in the speech; None where the mouth
    was not seen or did not move."""
    seen: bool = True
    """Whether a mouth was seen after the speech."""

    @property
    def findings(self) -> list[tuple[str, bool]]:
        """Sentences with figures, and whether the finding is good."""
        if not self.seen:
            return [(f"{self.name} after speech: no mouth was seen", False)]
        if self.closing is None:
            shut = f"{self.name} after speech: the mouth does not stay shut", False
        else:
            text = f"{self.name} after speech: the mouth is shut after {1e3 * self.closing:.0f} ms"
            shut = text, self.closing <= CLOSING + 1e-6
        if self.quiver is None:
            return [shut]
        still = self.quiver <= QUIVER
        words = "is still" if still else "quivers"
        share = f"{100 * self.quiver:.0f} % of its deviation in speech"
        return [shut, (f"{self.name} after speech: the mouth {words}: {share}", still)]

    def cells(self) -> list[str | None]:
        """As it is shown."""
        closing = None if self.closing is None else f"{1e3 * self.closing:.0f}"
        return [self.name, closing, None if self.quiver is None else f"{self.quiver:.2f}"]


def endings(speech: Float32[np.ndarray, " n"]) -> list[Ending]:
    """Some speech up to the end of a phrase, followed by silence, room noise, breath and music."""
    heard = Speech(speech)
    end = _phrase_end(heard.active_frames())
    level = np.sqrt(heard.level or 0.0)
    after = {
        "silence": stimuli.silence(REST),
        "room noise": stimuli.at_level(stimuli.room(REST), level, _ROOM),
        "breath": stimuli.at_level(stimuli.breath(REST), level, _BREATH),
        "music": stimuli.at_level(stimuli.music(REST), level, _MUSIC),
    }
    spoken = speech[: end * FRAME_SAMPLES]
    return [Ending(name, np.concatenate([spoken, sound]), end) for name, sound in after.items()]


def _phrase_end(active: Bool[np.ndarray, " t"]) -> int:
    """Frames up to the first end of a phrase after `SPEECH` seconds, or to the last sound; all
    where there is none."""
    sounding = np.flatnonzero(active)
    if not len(sounding):
        return len(active)
    ends = sounding[np.append(np.diff(sounding) > _PAUSE, True)] + 1
    late = ends[ends >= round(SPEECH * FPS)]
    return int(late[0] if len(late) else ends[-1])


def rest_row(ending: Ending, lips: LipShapes, shut: float) -> RestRow:
    """The row of lips that spoke a sound; `shut` is the widest aperture of closed lips."""
    spoken, rest = (
        lips.aperture[part][lips.found[part]]
        for part in (slice(ending.end), slice(ending.end + round(CLOSING * FPS), None))
    )
    moves = len(spoken) > 0 and np.ptp(spoken) > 0
    quiver = float(rest.std() / spoken.std()) if len(rest) and moves else None
    open_ = lips.found & (lips.aperture > shut)
    last = int(np.flatnonzero(open_)[-1]) if open_.any() else -1
    seen = bool(lips.found[ending.end :].any())
    stays = last < len(lips.found) - 1 and seen
    closing = max(0, last + 1 - ending.end) / FPS if stays else None
    return RestRow(ending.name, closing, quiver, seen)
