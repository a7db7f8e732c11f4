"""A head under sounds that are not speech, as one page."""

from collections.abc import Sequence

import numpy as np

from audioplane.clock import FPS
from audioplane.experiments.motion import DrivenMotion
from audioplane.experiments.stress.report import COLUMNS, StressReport
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


def stress_page(report: StressReport, motions: Sequence[DrivenMotion]) -> str:
    """The report as HTML; `motions` are what its rows sum up."""
    mouth = report.mouth
    words = [f"{'✓' if good else '✗'} {text}" for text, good in report.findings]
    plots = [
        line_plot(
            [Line("", np.arange(len(m.aperture)) / FPS, np.where(m.found, m.aperture, np.nan))],
            row.name,
            "seconds",
            f"mouth aperture under {row.name}",
            6.0,
        )
        for row, m in zip(report.rows, motions, strict=True)
        if m.found.any()
    ]
    images = [
        Html(picture(m.furthest, f"furthest frame under {row.name}") + paragraph(row.name))
        for row, m in zip(report.rows, motions, strict=True)
    ]
    pause = "" if mouth.pause is None else f", {mouth.pause:.3f} in pauses"
    own = (
        f"The person's own mouth: {mouth.mean:.3f} in the mean, deviation {mouth.deviation:.3f}, "
        f"{mouth.closed:.3f} shut{pause}."
    )
    sections = [
        Section("Findings", [listing(words), paragraph(own)]),
        Section(
            "Figures",
            [
                table(COLUMNS, report.cells()),
                paragraph(
                    "move: the furthest that any Gaussian went; in training speech "
                    f"{report.training_move:.1f} mm. unlike: distance of the sound from training "
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
                    side_by_side(images),
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
