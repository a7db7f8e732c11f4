"""Heads driven by other people's speech (the paper's Table 5): do the lips follow it?

The lips are judged by the sound (`evaluate/sound.py`), since nobody knows how they should look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32
from rich.table import Table

from audioplane.evaluate.scores.sound import SoundSync, sound_level, sound_sync
from audioplane.evaluate.syncnet import SYNCNET_NOTE, SyncScores
from audioplane.experiments.spoken import Mouth, Spoken
from audioplane.page import (
    Section,
    empty,
    figure,
    paragraph,
    side_by_side,
    table,
    text_page,
    video_beside,
)
from audioplane.speech.familiarity import STRANGE
from audioplane.subject.layout import FPS

OWN, RECORDING = "own, held out", "the recording itself"


@dataclass(frozen=True)
class CrossRow:
    """One head under one speech."""

    head: str
    speech: str
    """Name of its file; `OWN` is the head's own held-out speech, `RECORDING` the person filmed
    while saying it."""
    seconds: float
    sound: SoundSync | None
    """Mouth against sound; None where one of them stands still."""
    spread: float | None
    """Deviation of the aperture over that of the person's own, while learning."""
    moved: float | None
    """How far any Gaussian was moved at most, over the same in training speech; None for a
    recording."""
    strangeness: float | None
    """`Familiarity.strangeness` of the speech; None where the head did not keep what it learned."""
    syncnet: SyncScores
    film: str | None = None
    """Name of its file."""


@dataclass(frozen=True)
class Usual:
    """What is usual for a head."""

    mouth: Mouth
    """The person's own."""
    move: float
    """`usual_move`, metres."""


def cross_row(
    head: str,
    speech: str,
    spoken: Spoken,
    waveform: Float32[np.ndarray, " n"],
    usual: Usual,
    strangeness: float | None,
    syncnet: SyncScores,
    film: str | None = None,
) -> CrossRow:
    """Sum up a head that spoke `waveform` (16 kHz)."""
    n = len(spoken.aperture)
    sync = sound_sync(spoken.aperture, sound_level(waveform, n), spoken.found)
    seen = spoken.aperture[spoken.found]
    spread = float(seen.std()) / usual.mouth.deviation if len(seen) else None
    moved = None if speech == RECORDING else float(spoken.moved.max()) / usual.move
    return CrossRow(head, speech, n / FPS, sync, spread, moved, strangeness, syncnet, film)


def to_json_dict(rows: Iterable[CrossRow]) -> dict[str, Any]:
    """For JSON."""
    return {"format_version": 1, "rows": [asdict(row) for row in rows]}


def _sync(row: CrossRow) -> str | None:
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
            _sync(row),
            _form(row.syncnet.confidence, "{:.3f}"),
            _form(row.syncnet.distance, "{:.3f}"),
            _form(row.spread, "{:.2f}"),
            _form(row.moved, "{:.2f}"),
            _form(row.strangeness, "{:.1f}"),
        ]
        for row in rows
    ]


def reasons(rows: Sequence[CrossRow]) -> list[str]:
    """Why SyncNet's cells are empty, each reason once, with the rows that it holds for."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.syncnet.empty:
            found.setdefault(row.syncnet.empty, []).append(f"{row.head} with {row.speech}")
    return [
        f"SyncNet{'' if len(names) == len(rows) else ' of ' + ', '.join(names)}: {reason}"
        for reason, names in found.items()
    ]


def cross_table(rows: Sequence[CrossRow]) -> Table:
    """For the terminal."""
    shown = Table(title="cross-driven", title_justify="left")
    for i, name in enumerate(COLUMNS):
        shown.add_column(name, justify="right" if i > 1 else "left", overflow="fold")
    for line in cells(rows):
        shown.add_row(*(cell or "" for cell in line))
    shown.caption = "\n".join([*reasons(rows), *NOTES])
    shown.caption_justify = "left"
    return shown


NOTES = (
    "with sound: correlation of the aperture with the loudness of 600 to 3000 Hz, at the "
    "lag in frames (+: the mouth is late) where it is highest; recordings of people reach about "
    ".4, unrelated sound .1 in 8 s",
    f"{SYNCNET_NOTE}; confidence and distance",
    "spread: deviation of the aperture over the person's own",
    "move: how far any Gaussian goes at most, over the same in training speech; well above 1 the "
    "geometry may tear",
    "unlike: distance of the sound from the training speech, or how much steadier it is, 1 for "
    "more of the same; beyond "
    f"{STRANGE} it is noise or music rather than speech",
)


def cross_page(rows: Sequence[CrossRow]) -> str:
    """Table 5's layout, then every figure, then the films, which lie beside the page."""
    heads = list(dict.fromkeys(row.head for row in rows))
    speeches = list(dict.fromkeys(row.speech for row in rows))
    by_pair = {(row.head, row.speech): row for row in rows}
    matrix = [
        [head, *(_sync(by_pair[head, speech]) for speech in speeches)]
        for head in heads
        if all((head, speech) in by_pair for speech in speeches)
    ]
    films = [
        figure(video_beside(row.film, f"{row.head} speaks {row.speech}"), row.head, row.speech)
        for row in rows
        if row.film
    ]
    sections = [
        Section("Mouth with sound, at lag", [table(["head", *speeches], matrix)]),
        Section(
            "Figures",
            [
                table(COLUMNS, cells(rows), wide=(1,)),
                *map(empty, reasons(rows)),
                *map(paragraph, NOTES),
            ],
        ),
        Section("Films", [side_by_side(films)]),
    ]
    lead = f"{len(heads)} heads, each driven by {len(speeches) - 2} other speeches and its own."
    return text_page("Driven by other people's speech", lead, sections)
