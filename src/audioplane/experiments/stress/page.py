"""The page of a head under sounds that are not speech."""

from collections.abc import Sequence

import numpy as np

from audioplane.clock import FPS
from audioplane.evaluate.scores.visemes import COLUMNS as VISEME_COLUMNS
from audioplane.evaluate.scores.visemes import VISEME_NOTE
from audioplane.experiments.motion import DrivenMotion
from audioplane.experiments.stress.report import COLUMNS, StressReport
from audioplane.experiments.stress.rest import CLOSING, QUIVER
from audioplane.experiments.stress.rest import COLUMNS as REST_COLUMNS
from audioplane.page import (
    Html,
    Line,
    Section,
    empty,
    figure,
    img,
    line_plot,
    listing,
    paragraph,
    side_by_side,
    table,
    text_page,
)
from audioplane.speech.familiarity import STRANGE


def stress_page(report: StressReport, motions: Sequence[DrivenMotion]) -> str:
    """The report as HTML; `motions` are those behind its rows."""
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
        Html(img(m.furthest, f"furthest frame under {row.name}") + paragraph(row.name))
        for row, m in zip(report.rows, motions, strict=True)
    ]
    pause = "" if mouth.pause is None else f", {mouth.pause:.3f} in pauses"
    own = (
        f"The person's own mouth: {mouth.mean:.3f} in the mean, deviation {mouth.deviation:.3f}, "
        f"{mouth.closed:.3f} closed{pause}."
    )
    sections = [
        Section("Findings", [listing(words), paragraph(own)]),
        Section(
            "Figures",
            [
                table(COLUMNS, report.cells()),
                paragraph(
                    "aperture and deviation are empty where no mouth was seen. "
                    "move: the largest move of any Gaussian; in training speech "
                    f"{report.training_move:.1f} mm. unlike: distance of the sound from training "
                    "speech, or how much steadier it is; 1 for training speech; "
                    f"'drive' warns beyond {STRANGE}. It is empty for silence, and for heads "
                    "without statistics of their training speech."
                ),
            ],
        ),
        Section(
            "Rest after speech",
            [
                table(REST_COLUMNS, [rest.cells() for rest in report.rests]),
                paragraph(
                    "Seen at one pose. shut after: from when on the mouth is shut, empty where it "
                    f"does not stay so; good up to {1e3 * CLOSING:.0f} ms. deviation: of the "
                    f"aperture from then on, over that in the speech before; good up to {QUIVER}."
                ),
            ],
        ),
        Section(
            "Lips and phones",
            [
                table(("sound", *VISEME_COLUMNS), report.phone_cells()),
                *map(empty, filter(None, [report.recorded.missing])),
                paragraph(VISEME_NOTE),
            ],
        ),
        Section(
            "The mouth over time",
            [figure(side_by_side(plots), "Aperture", "The mouth's aperture, sound by sound.")],
        ),
        Section(
            "Largest deformation",
            [
                figure(
                    side_by_side(images),
                    "Furthest frames",
                    "For each sound, the frame with the largest move of a Gaussian: if the "
                    "geometry tears, it tears here.",
                )
            ],
        ),
    ]
    return text_page(
        f"{report.head} under sounds that are not speech",
        "Silence, noise, music and shouting, beside the training speech.",
        sections,
    )
