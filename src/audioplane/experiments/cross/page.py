"""The page of cross-driven heads; its videos are files beside it."""

from collections.abc import Sequence

from audioplane.evaluate.scores.visemes import COLUMNS as VISEME_COLUMNS
from audioplane.evaluate.scores.visemes import VISEME_NOTE
from audioplane.experiments.cross.report import (
    COLUMNS,
    NOTES,
    CrossRow,
    cells,
    phone_cells,
    reasons,
    sync_cell,
)
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


def cross_page(rows: Sequence[CrossRow]) -> str:
    """Table 5's layout, then every figure, then the videos."""
    heads = list(dict.fromkeys(row.head for row in rows))
    speeches = list(dict.fromkeys(row.speech for row in rows))
    by_pair = {(row.head, row.speech): row for row in rows}
    matrix = [
        [head, *(sync_cell(by_pair[head, speech]) for speech in speeches)]
        for head in heads
        if all((head, speech) in by_pair for speech in speeches)
    ]
    videos = [
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
        Section(
            "Lips and phones",
            [
                table(("head", "speech", *VISEME_COLUMNS), phone_cells(rows), wide=(1,)),
                paragraph(VISEME_NOTE),
            ],
        ),
        Section("Videos", [side_by_side(videos)]),
    ]
    lead = f"{len(heads)} heads, each driven by {len(speeches) - 2} other speeches and its own."
    return text_page("Driven by other people's speech", lead, sections)
