"""A comparison as one page of HTML that needs no other file."""

from collections.abc import Iterable
from dataclasses import asdict

import numpy as np

from audioplane.compare.compare import Comparison, Entry
from audioplane.compare.look import FPS
from audioplane.compare.pair import fit
from audioplane.compare.published import TRUTH, Published
from audioplane.compare.report import (
    PROTOCOL,
    Column,
    aligned,
    cell,
    reasons,
    shown_columns,
    span_text,
    truth_cell,
)
from audioplane.evaluate.metrics import Image
from audioplane.page import (
    Html,
    Line,
    Section,
    empty,
    facts,
    figure,
    line_plot,
    listing,
    paragraph,
    picture,
    side_by_side,
    table,
    text_page,
)

PICTURE, MOUTH = 256, 128
"""Widths of what is shown, pixels."""
_PAPER = "paper A · B"
"""Title of what the paper reports on its two test sets."""


def comparison_page(comparison: Comparison) -> str:
    """The page: scores, what was aligned, pictures, mouth curves, protocol."""
    entries = comparison.entries
    told = {e.name: "; ".join(aligned(e, comparison)) for e in entries}
    missing = [empty(reason) for reason in reasons(comparison)]
    sections = (
        Section("Scores", [_scores(comparison), *missing]),
        Section("What was aligned", [facts(told)]),
        Section("Pictures", list(_moments(comparison))),
        Section("Mouths", [_curve(entry) for entry in entries]),
        Section("Protocol", [listing(PROTOCOL)]),
    )
    return text_page("Comparison", span_text(comparison), sections)


def _scores(comparison: Comparison) -> Html:
    """The table; figures that the paper has stand beside ours."""
    titles, rows = ["method"], [["ground truth"], *([e.name] for e in comparison.entries)]
    papers = [TRUTH, *(e.published for e in comparison.entries)]
    for column in shown_columns(comparison):
        titles.append(column.title)
        own = [cell(column.get(e.report), column.form) for e in comparison.entries]
        for row, text in zip(rows, [truth_cell(comparison, column), *own], strict=True):
            row.append(text)
        if column.published:
            titles.append(_PAPER)
            for row, paper in zip(rows, papers, strict=True):
                row.append(_both_sets(paper, column))
    for row, paper in zip(rows, papers, strict=True):
        row.append(cell(paper.fps, "{:g}") if paper else "")
    return table([*titles, "paper's fps"], ([text or None for text in row] for row in rows))


def _both_sets(paper: Published | None, column: Column) -> str:
    if paper is None:
        return ""
    values = [asdict(figures)[column.published] for figures in (paper.a, paper.b)]
    return " · ".join(column.form.format(v) for v in values if v is not None)


def _moments(comparison: Comparison) -> Iterable[Html]:
    names = ["ground truth", *(e.name for e in comparison.entries)]
    for moment in zip(*(e.examples for e in comparison.entries), strict=True):
        pictures = [moment[0].truth, *(example.image for example in moment)]
        parts = [
            Html(_views(p, moment[0].mouth, name) + paragraph(name))
            for name, p in zip(names, pictures, strict=True)
        ]
        frame = moment[0].frame
        yield figure(side_by_side(parts), f"Frame {frame}", f"At {frame / FPS:.2f} s.")


def _views(image: Image, mouth: tuple[slice, slice], name: str) -> Html:
    """The picture and its mouth."""
    height, width = image.shape[:2]
    whole = fit(image, (PICTURE, max(1, round(height * PICTURE / width))))
    lips = fit(np.ascontiguousarray(image[mouth]), (MOUTH, MOUTH))
    return Html(picture(whole, name) + picture(lips, f"{name}, mouth"))


def _curve(entry: Entry) -> Html:
    """Both apertures over time."""
    frames = entry.report.frames
    seconds = np.array([f.img_id for f in frames]) / FPS
    own, true = (
        np.array([np.nan if v is None else v for v in values], np.float64)
        for values in ([f.aperture for f in frames], [f.true_aperture for f in frames])
    )
    lines = [Line(entry.name, seconds, own), Line("ground truth", seconds, true, dashed=True)]
    title = "mouth aperture, of the eyes' distance"
    return line_plot(
        lines, title, "seconds", f"mouth aperture of {entry.name} and ground truth", 7.0
    )
