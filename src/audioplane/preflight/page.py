"""`preflight.html`: the verdict with images and plots on one self-contained page."""

from pathlib import Path

import numpy as np

from audioplane.assets import write_text
from audioplane.page import Html, Line, Section, img, line_plot, side_by_side, table, text_page
from audioplane.preflight.check import Preflight
from audioplane.preflight.sync import RANGE

PREFLIGHT_PAGE = "preflight.html"
_WORDS = {"good": "good", "warning": "mind", "hopeless": "no"}


def write_page(report: Preflight, path: Path) -> None:
    """Write the page. Raises `MediaError` if it cannot be written."""
    write_text(path, _page(report))


def _page(report: Preflight) -> str:
    rows = [(_WORDS[f.level], f.name, f.value, f.advice) for f in report.findings]
    sections = [Section("Findings", [table(("", "what", "value", "advice"), rows, wide=(1, 2, 3))])]
    images = [img(image, "face", quality=80) for image in report.sample.images]
    if images:
        sections.append(Section("Images", [side_by_side(images)]))
    if plots := _plots(report):
        sections.append(Section("Over time", [side_by_side(plots)]))
    return text_page(f"Preflight of {report.name}", report.title, sections)


def _plots(report: Preflight) -> list[Html]:
    shown = []
    seen = [(f.time, f.face) for f in report.sample.frames if f.face is not None]
    if seen:
        times = np.array([t for t, _ in seen])
        turns = [
            Line(axis, times, np.array([getattr(f.turn, axis) for _, f in seen]))
            for axis in ("yaw", "pitch", "roll")
        ]
        shown.append(_plot("head rotation, degrees", turns))
        aperture = np.array([f.aperture for _, f in seen])
        shown.append(_plot("mouth opening", [Line("", times, aperture)]))
        sharp = np.array([f.sharpness for _, f in seen])
        shown.append(_plot("sharpness", [Line("", times, sharp)]))
    if len(report.loudness):
        times = np.arange(len(report.loudness)) / 10
        shown.append(_plot("sound level, dB", [Line("", times, np.maximum(report.loudness, -80))]))
    if report.offset is not None:
        curve = report.offset.curve
        offsets = 1000 * np.linspace(-RANGE, RANGE, len(curve))
        title = "agreement of mouth and voice"
        shown.append(_plot(title, [Line("", offsets, curve)], "offset of the sound, ms"))
    return shown


def _plot(title: str, lines: list[Line], x_label: str = "second") -> Html:
    return line_plot(lines, title, x_label, alt=f"{title}, by {x_label}", height=9.0)
