"""Lips against the phones that are spoken: closed, rounded, open where they have to be.

No ground truth is needed, only phones with their times, heard (`speech/spoken.py`) or known from
who made the speech. Measured on the recording too, since people do not do it every time either, and
phones are misheard.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from audioplane.clock import FPS
from audioplane.errors import SpeechError
from audioplane.speech import Speech
from audioplane.speech.ipa import CLOSED
from audioplane.speech.spoken import SpokenPhone, heard_phones

ROUND = frozenset("u ũ ʉ ʊ o õ oʊ w y ʏ ø œ".split())
OPEN = frozenset("a à ã ä å ɐ ɑ ɒ æ aɪ aʊ".split())
MIDDLE = frozenset("e ẽ ɛ eɪ ɪə eə".split())
NARROW = frozenset("i ì ĩ ǐ ɪ".split())
"""Vowels whose lips are round, or wide open, less, and least, and then not round."""
NEAR = 0.08
"""Seconds about a closed phone within which the lips have to close."""
THROUGHOUT = 0.04
"""Seconds about an open vowel throughout which the lips are closed if they do not open for it."""
FEWEST = 3
"""Phones of a class below which there is no score."""


@dataclass(frozen=True)
class VisemeScores:
    """Shares from 0 to 1; None where too few phones were spoken, or `empty` says why."""

    closures: float | None = None
    """Of the phones whose lips have to close (p, b, m), those in which they do."""
    n_closures: int = 0
    """Such phones."""
    false_closures: float | None = None
    """Of the open vowels, those throughout which the lips are closed."""
    n_open: int = 0
    """Open vowels."""
    rounding: float | None = None
    """Of all pairs of a round vowel (u, o, w) and one with spread lips (i, e), those in which the
    mouth is narrower at the round one; .5 by chance."""
    opening: float | None = None
    """Of all pairs of a and e, e and i, a and i, those in which the mouth is opened further at the
    first; .5 by chance."""
    empty: str = ""
    """Why there are no scores."""

    @property
    def missing(self) -> str:
        """Why there are no closures; "" where there are."""
        few = f"{self.n_closures} phones p, b or m in the sound, at least {FEWEST} are needed"
        return self.empty or (few if self.closures is None else "")

    @property
    def reasons(self) -> dict[str, str]:
        """Why scores are None, by their names; that of the closures is under "visemes"."""
        found = {"visemes": self.missing} if self.missing else {}
        few = {} if self.empty else _FEW
        return found | {name: why for name, why in few.items() if getattr(self, name) is None}


_FEW = {
    "false_closures": f"fewer than {FEWEST} open vowels in the sound",
    "rounding": f"fewer than {FEWEST} vowels u, o, w, or fewer than {FEWEST} e, i in the sound",
    "opening": f"fewer than {FEWEST} vowels of two kinds of a, e, i in the sound",
}
"""Why a score is None, by its name."""
NO_VISEMES = VisemeScores(empty="no sound whose phones could be heard")


@dataclass(frozen=True)
class LipShapes:
    """The lips over T frames."""

    aperture: Float[np.ndarray, " t"]
    width: Float[np.ndarray, " t"]
    """Distance of the corners of the mouth, pixels."""
    found: Bool[np.ndarray, " t"]
    """Frames in which a mouth was seen; the others do not count."""


def mouth_width(landmarks: Float[np.ndarray, "*t 20 2"]) -> Float[np.ndarray, "*t"]:
    """Distance of the corners of mouths given by landmarks 48–67."""
    return np.asarray(np.linalg.norm(landmarks[..., 6, :] - landmarks[..., 0, :], axis=-1))


@dataclass(frozen=True)
class HeardPhones:
    """The phones of a sound, or why they are not known."""

    phones: Sequence[SpokenPhone] = ()
    missing: str = ""

    @staticmethod
    def of(speech: Speech) -> "HeardPhones":
        """The phones of a speech; `missing` where the recogniser is not installed."""
        try:
            return HeardPhones(heard_phones(speech))
        except SpeechError as e:
            return HeardPhones(missing=str(e))

    def score(self, lips: LipShapes, shut: float) -> VisemeScores:
        """Scores of lips that speak them; `shut` is the widest aperture of closed lips."""
        if self.missing:
            return VisemeScores(empty=self.missing)
        return viseme_scores(self.phones, lips, shut)


def viseme_scores(phones: Sequence[SpokenPhone], lips: LipShapes, shut: float) -> VisemeScores:
    """Scores of lips that speak these phones; `shut` is the widest aperture of closed lips."""
    middles = (np.arange(len(lips.found)) + 0.5) / FPS

    def at(symbols: Collection[str], reach: float) -> list[Bool[np.ndarray, " t"]]:
        """For each of these phones the frames with a mouth within `reach` seconds."""
        times = [phone.seconds for phone in phones if phone.symbol in symbols]
        near = [lips.found & (np.abs(middles - t) <= reach + 1e-6) for t in times]
        return [frames for frames in near if frames.any()]

    def mean(values: Float[np.ndarray, " t"], symbols: Collection[str]) -> list[float]:
        return [float(values[frames].mean()) for frames in at(symbols, THROUGHOUT)]

    closed = lips.aperture <= shut
    closures = [bool(closed[frames].any()) for frames in at(CLOSED, NEAR)]
    false = [bool(closed[frames].all()) for frames in at(OPEN, THROUGHOUT)]
    round_, spread = (mean(lips.width, s) for s in (ROUND, MIDDLE | NARROW))
    a, e, i = (mean(lips.aperture, s) for s in (OPEN, MIDDLE, NARROW))
    return VisemeScores(
        _share(closures),
        len(closures),
        _share(false),
        len(false),
        _above([(spread, round_)]),
        _above([(a, e), (e, i), (a, i)]),
    )


def _share(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if len(values) >= FEWEST else None


def _above(classes: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float | None:
    """Share of all pairs of a larger and a smaller class in which it is larger; equal ones count
    half. Classes of fewer than `FEWEST` are left out."""
    compared = [
        np.sign(np.subtract.outer(large, small)).ravel() / 2 + 0.5
        for large, small in classes
        if min(len(large), len(small)) >= FEWEST
    ]
    return float(np.concatenate(compared).mean()) if compared else None


Cell = Callable[[VisemeScores], str | None]


def _cell(name: str, count: str = "") -> Cell:
    def cell(scores: VisemeScores) -> str | None:
        value = getattr(scores, name)
        if value is None:
            return None
        return f"{value:.2f}" + (f" of {getattr(scores, count)}" if count else "")

    return cell


def viseme_cells(scores: VisemeScores, recorded: VisemeScores | None) -> list[str | None]:
    """`ROWS` of some lips, then their closures relative to those of a recording of the person."""
    reached = None
    if scores.closures is not None and recorded is not None and recorded.closures:
        reached = f"{scores.closures / recorded.closures:.2f}"
    return [*(cell(scores) for _, cell in ROWS), reached]


ROWS: tuple[tuple[str, Cell], ...] = (
    ("lips closed at p, b, m", _cell("closures", "n_closures")),
    ("lips closed in open vowels", _cell("false_closures", "n_open")),
    ("narrower at u, o, w than at i, e", _cell("rounding")),
    ("opened further at a than e than i", _cell("opening")),
)
"""Labels of the scores, and what is shown of each."""
COLUMNS = (*(label for label, _ in ROWS), "closures, of the recording's")
VISEME_NOTE = (
    "lips closed at p, b, m: within 80 ms, of all such phones that the recogniser hears; a mouth "
    "that never opens has 1.00 there and in open vowels, where it should be 0; narrower at u, o, w "
    "and opened further at a than e than i: of all pairs of such vowels, .50 by chance"
)
