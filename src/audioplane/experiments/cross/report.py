"""Scores of heads driven by other people's speech (the paper's Table 5).

The lips are judged by the sound (`evaluate/scores/sound.py`): there is no ground truth for them.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float32

from audioplane.clock import FPS
from audioplane.evaluate.mouth.habits import MouthHabits
from audioplane.evaluate.scores.sound import SoundSync, sound_level, sound_sync
from audioplane.evaluate.scores.visemes import NO_VISEMES, VisemeScores, viseme_cells
from audioplane.evaluate.syncnet import SYNCNET_NOTE, SyncScores
from audioplane.experiments.motion import DrivenMotion
from audioplane.speech.familiarity import STRANGE

OWN, RECORDING = "own, held out", "the recording itself"


@dataclass(frozen=True)
class CrossRow:
    """One head under one speech."""

    head: str
    speech: str
    """Its file's name; `OWN` is the head's own held-out speech, `RECORDING` the recording of the
    person who speaks it."""
    seconds: float
    sound: SoundSync | None
    """Mouth against sound; None where one of them does not change."""
    spread: float | None
    """Deviation of the aperture over that of the person's own in the training frames; None where
    that is 0 or no mouth was seen."""
    moved: float | None
    """The largest move of any Gaussian, relative to that in training speech; None for a recording,
    and where training speech moves nothing."""
    strangeness: float | None
    """`Familiarity.strangeness` of the speech; None where the head has none for
    its training speech."""
    syncnet: SyncScores
    film: str | None = None
    """Name of its file."""
    visemes: VisemeScores = NO_VISEMES
    """The lips against the phones of the speech."""


@dataclass(frozen=True)
class Reference:
    """Reference values for the motion of a head."""

    mouth: MouthHabits
    """The person's own."""
    move: float
    """`training_move`, metres."""


def cross_row(
    head: str,
    speech: str,
    motion: DrivenMotion,
    waveform: Float32[np.ndarray, " n"],
    reference: Reference,
    strangeness: float | None,
    syncnet: SyncScores,
    film: str | None = None,
) -> CrossRow:
    """The scores of a head that spoke `waveform` (16 kHz)."""
    n = len(motion.aperture)
    sync = sound_sync(motion.aperture, sound_level(waveform, n), motion.found)
    seen = motion.aperture[motion.found]
    spread = _ratio(float(seen.std()), reference.mouth.deviation) if len(seen) else None
    recorded = speech == RECORDING
    moved = None if recorded else _ratio(float(motion.moved.max()), reference.move)
    return CrossRow(head, speech, n / FPS, sync, spread, moved, strangeness, syncnet, film)


def _ratio(value: float, of: float) -> float | None:
    """The ratio, None where it has no value."""
    return value / of if of > 0 else None


def to_json(rows: Iterable[CrossRow]) -> str:
    """As `cross.json` holds it."""
    data = {"format_version": 1, "rows": [asdict(row) for row in rows]}
    return json.dumps(data, indent=1, allow_nan=False)


def sync_cell(row: CrossRow) -> str | None:
    """Correlation of mouth and sound, at its lag."""
    return f"{row.sound.correlation:.2f} at {row.sound.lag:+d}" if row.sound else None


def _form(value: float | None, form: str) -> str | None:
    return None if value is None else form.format(value)


COLUMNS = ("head", "speech", "s", "with sound", "SyncNet ↑", "dist. ↓", "spread", "move", "unlike")


def cells(rows: Iterable[CrossRow]) -> list[list[str | None]]:
    """The rows as they are shown."""
    return [
        [
            row.head,
            row.speech,
            f"{row.seconds:.1f}",
            sync_cell(row),
            _form(row.syncnet.confidence, "{:.3f}"),
            _form(row.syncnet.distance, "{:.3f}"),
            _form(row.spread, "{:.2f}"),
            _form(row.moved, "{:.2f}"),
            _form(row.strangeness, "{:.1f}"),
        ]
        for row in rows
    ]


def phone_cells(rows: Sequence[CrossRow]) -> list[list[str | None]]:
    """The lips against the phones, as they are shown."""
    recorded = {row.head: row.visemes for row in rows if row.speech == RECORDING}
    return [
        [row.head, row.speech, *viseme_cells(row.visemes, recorded.get(row.head))] for row in rows
    ]


def reasons(rows: Sequence[CrossRow]) -> list[str]:
    """Why cells are empty, each reason once, with the rows it applies to."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for what, reason in (("SyncNet", row.syncnet.empty), ("phones", row.visemes.missing)):
            if reason:
                found.setdefault((what, reason), []).append(f"{row.head} with {row.speech}")
    return [
        f"{what}{'' if len(names) == len(rows) else ' of ' + ', '.join(names)}: {reason}"
        for (what, reason), names in found.items()
    ]


NOTES = (
    "with sound: correlation of the aperture with the loudness of 600 to 3000 Hz, at the "
    "lag in frames (+: the mouth is late) where it is highest; recordings of people reach about "
    ".4, unrelated sound .1 in 8 s",
    f"{SYNCNET_NOTE}; confidence and distance",
    "spread: deviation of the aperture over the person's own",
    "move: the largest move of any Gaussian, relative to that in training speech; well above 1 "
    "the geometry may tear",
    "unlike: distance of the sound from the training speech, or how much steadier it is; 1 for "
    "training speech; beyond "
    f"{STRANGE} it is noise or music rather than speech",
)
