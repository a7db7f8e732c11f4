"""A comparison as one page of HTML that needs no other file."""

from collections.abc import Iterable

import numpy as np

from audioplane.clock import FPS
from audioplane.evaluate.scores.metrics import Image
from audioplane.experiments.compare.comparison import Comparison, Entry
from audioplane.experiments.compare.pair import fit
from audioplane.experiments.compare.report import (
    PROTOCOL,
    aligned,
    reasons,
    shown_columns,
    span_text,
    table_lines,
)
from audioplane.page import (
    Html,
    Line,
    Section,
    empty,
    facts,
    figure,
    img,
    line_plot,
    listing,
    paragraph,
    side_by_side,
    table,
    text_page,
)

WHOLE, MOUTH = 256, 128
"""Widths of the images on the page, pixels."""


def comparison_page(comparison: Comparison) -> str:
    """The page: scores, what was aligned, images, mouth curves, protocol."""
    entries = comparison.entries
    alignments = {e.name: "; ".join(aligned(e, comparison)) for e in entries}
    missing = [empty(reason) for reason in reasons(comparison)]
    sections = (
        Section("Scores", [*_scores(comparison), *missing]),
        Section("What was aligned", [facts(alignments)]),
        Section("Images", list(_moments(comparison))),
        Section("Mouths", [_curve(entry) for entry in entries]),
        Section("Protocol", [listing(PROTOCOL)]),
    )
    return text_page("Comparison", span_text(comparison), sections)


def _scores(comparison: Comparison) -> list[Html]:
    """The table, and the paper's figures of speed."""
    titles = ["method", *(c.title for c in shown_columns(comparison))]
    lines = [[r.label, *(text or None for text in r.cells)] for r in table_lines(comparison)]
    known = [e.published for e in comparison.entries if e.published]
    rates = ", ".join(f"{p.method} {p.fps:g}" for p in known if p.fps)
    speed = [paragraph(f"The paper's frames a second: {rates}.")] if rates else []
    return [table(titles, lines), *speed]


def _moments(comparison: Comparison) -> Iterable[Html]:
    names = ["ground truth", *(e.name for e in comparison.entries)]
    for moment in zip(*(e.examples for e in comparison.entries), strict=True):
        images = [moment[0].truth, *(example.image for example in moment)]
        parts = [
            Html(_views(p, moment[0].mouth, name) + paragraph(name))
            for name, p in zip(names, images, strict=True)
        ]
        frame = moment[0].frame
        yield figure(side_by_side(parts), f"Frame {frame}", f"At {frame / FPS:.2f} s.")


def _views(image: Image, mouth: tuple[slice, slice], name: str) -> Html:
    """The image and its mouth."""
    height, width = image.shape[:2]
    whole = fit(image, (WHOLE, max(1, round(height * WHOLE / width))))
    lips = fit(np.ascontiguousarray(image[mouth]), (MOUTH, MOUTH))
    return Html(img(whole, name) + img(lips, f"{name}, mouth"))


def _curve(entry: Entry) -> Html:
    """Both apertures over time."""
    frames = entry.report.frames
    seconds = np.array([f.img_id for f in frames]) / FPS
    own, true = (
        np.array([np.nan if v is None else v for v in values], np.float64)
        for values in ([f.aperture for f in frames], [f.true_aperture for f in frames])
    )
    lines = [Line(entry.name, seconds, own), Line("ground truth", seconds, true, dashed=True)]
    title = "mouth aperture, relative to the eyes' distance"
    return line_plot(
        lines, title, "seconds", f"mouth aperture of {entry.name} and ground truth", 7.0
    )
