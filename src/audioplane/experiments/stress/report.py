"""How a head takes what is not speech: whether its mouth rests in silence, and whether it tears."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Table

from audioplane.experiments.spoken import Mouth, Spoken
from audioplane.page import (
    Html,
    Line,
    Section,
    figure,
    line_plot,
    listing,
    paragraph,
    picture,
    side_by_side,
    table,
    text_page,
)
from audioplane.speech.familiarity import STRANGE
from audioplane.subject.layout import FPS

TRAINING, SILENCE, PAUSE = "training speech", "silence", "pause in speech"
STILL = 0.25
"""Part of the person's own deviation of aperture under which a mouth counts as resting."""
AJAR = 0.15
"""Part of the way from shut to open that a silent mouth may stand above the person's own in
pauses."""
TORN = 1.5
"""Times the furthest move of training speech beyond which the geometry counts as torn."""


@dataclass(frozen=True)
class StressRow:
    """A head under one sound."""

    name: str
    seconds: float
    aperture: float
    """Mean."""
    deviation: float
    """Standard deviation of the aperture over time."""
    moved: float
    """The furthest that any Gaussian was moved, millimetres."""
    strangeness: float | None
    """`Familiarity.strangeness` of the sound."""


def stress_row(
    name: str, spoken: Spoken, strangeness: float | None, shown: slice = slice(None)
) -> StressRow:
    """Sum up what a head did; `shown` are the frames that count for the aperture."""
    aperture = spoken.aperture[shown][spoken.found[shown]]
    return StressRow(
        name,
        len(spoken.moved) / FPS,
        float(aperture.mean()) if len(aperture) else 0.0,
        float(aperture.std()) if len(aperture) else 0.0,
        1e3 * float(spoken.moved.max()),
        strangeness,
    )


@dataclass(frozen=True)
class StressReport:
    """All sounds of one head."""

    head: str
    mouth: Mouth
    """The person's own."""
    usual_move: float
    """`spoken.usual_move`, millimetres."""
    rows: tuple[StressRow, ...]

    @property
    def findings(self) -> list[tuple[str, bool]]:
        """Sentences with figures, and whether they are good news."""
        by_name = {row.name: row for row in self.rows}
        usual, m = self.usual_move, self.mouth
        rest = m.closed if m.pause is None else m.pause
        limit = rest + AJAR * (m.open - m.closed)
        found = []
        for name in (SILENCE, PAUSE):
            row = by_name[name]
            still = row.deviation <= STILL * m.deviation
            found.append(
                (
                    f"{name}: the mouth {'rests' if still else 'moves'}: deviation "
                    f"{row.deviation:.3f}, in the person's speech {m.deviation:.3f}",
                    still,
                )
            )
            shut = row.aperture <= limit
            own = "unknown" if m.pause is None else f"{m.pause:.3f}"
            found.append(
                (
                    f"{name}: it stands {'as in' if shut else 'wider than in'} the person's own "
                    f"pauses: aperture {row.aperture:.3f}, pauses {own}, shut {m.closed:.3f}",
                    shut,
                )
            )
        for row in self.rows:
            if row.name != TRAINING:
                whole = row.moved <= TORN * usual
                found.append(
                    (
                        f"{row.name}: the geometry {'holds' if whole else 'tears'}: "
                        f"{row.moved / usual:.2f} times the furthest move of training speech",
                        whole,
                    )
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "head": self.head,
            "mouth": asdict(self.mouth),
            "usual_move": self.usual_move,
            "rows": [asdict(row) for row in self.rows],
            "findings": [{"text": text, "good": good} for text, good in self.findings],
        }

    def cells(self) -> list[list[str | None]]:
        """The rows as they are shown."""
        return [
            [
                row.name,
                f"{row.seconds:.1f}",
                f"{row.aperture:.3f}",
                f"{row.deviation:.3f}",
                f"{row.moved:.1f}",
                None if row.strangeness is None else f"{row.strangeness:.1f}",
            ]
            for row in self.rows
        ]

    def to_table(self) -> Table:
        """For the terminal."""
        shown = Table(title=self.head, title_justify="left")
        for i, name in enumerate(COLUMNS):
            shown.add_column(name, justify="right" if i else "left")
        for cells in self.cells():
            shown.add_row(*(cell or "" for cell in cells))
        shown.caption = "\n".join(f"{'✓' if good else '✗'} {text}" for text, good in self.findings)
        shown.caption_justify = "left"
        return shown


COLUMNS = ("sound", "s", "aperture", "deviation", "move mm", "unlike")


def stress_page(report: StressReport, spoken: Sequence[Spoken]) -> str:
    """The report as HTML; `spoken` are what its rows sum up."""
    m = report.mouth
    words = [f"{'✓' if good else '✗'} {text}" for text, good in report.findings]
    plots = [
        line_plot(
            [Line("", np.arange(len(s.aperture)) / FPS, np.where(s.found, s.aperture, np.nan))],
            row.name,
            "seconds",
            f"mouth aperture under {row.name}",
            6.0,
        )
        for row, s in zip(report.rows, spoken, strict=True)
        if s.found.any()
    ]
    pictures = [
        Html(picture(s.furthest, f"furthest frame under {row.name}") + paragraph(row.name))
        for row, s in zip(report.rows, spoken, strict=True)
    ]
    pause = "" if m.pause is None else f", {m.pause:.3f} in pauses"
    own = (
        f"The person's own mouth: {m.mean:.3f} in the mean, deviation {m.deviation:.3f}, "
        f"{m.closed:.3f} shut{pause}."
    )
    sections = [
        Section("Findings", [listing(words), paragraph(own)]),
        Section(
            "Figures",
            [
                table(COLUMNS, report.cells()),
                paragraph(
                    "move: the furthest that any Gaussian went; in training speech "
                    f"{report.usual_move:.1f} mm. unlike: distance of the sound from the training "
                    "speech, or how much steadier it is, 1 for more of the same; "
                    f"'drive' warns beyond {STRANGE}. It is empty for silence, and for heads "
                    "trained before it was kept."
                ),
            ],
        ),
        Section(
            "The mouth over time",
            [figure(side_by_side(plots), "Aperture", "How far the mouth is open, sound by sound.")],
        ),
        Section(
            "Furthest from rest",
            [
                figure(
                    side_by_side(pictures),
                    "Furthest frames",
                    "For each sound, the frame in which a Gaussian was moved furthest: a head "
                    "that tears does it here.",
                )
            ],
        ),
    ]
    return text_page(
        f"What {report.head} makes of sounds that are not speech",
        "Silence, noise, music and shouting, beside the speech that the head learned from.",
        sections,
    )
