"""Line plots as SVG, drawn without a plotting library."""

from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

_WIDTH, _HEIGHT = 420, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 8, 20
"""Margins."""
_COLOURS = ("#3366cc", "#cc5500", "#2a7d3f")
_MOST_POINTS = 600
"""More points of a line than pixels that they could be told apart by are not drawn."""


@dataclass(frozen=True)
class Line:
    """One curve."""

    name: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]


def plot(title: str, lines: list[Line]) -> str:
    """A figure of HTML with all lines in one box; gaps of a line stay open."""
    x, y = (np.concatenate([getattr(line, axis) for line in lines]) for axis in "xy")
    box = (*_room(x), *_room(y))
    drawn = "".join(
        f'<path fill="none" stroke="{colour}" stroke-width="1.3" d="{_path(line, box)}"/>'
        for line, colour in zip(lines, _COLOURS, strict=False)
    )
    names = " ".join(
        f'<span style="color:{colour}">{escape(line.name)}</span>'
        for line, colour in zip(lines, _COLOURS, strict=False)
        if line.name
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="11" fill="currentColor">'
        f"{_axes(box)}{drawn}</svg><figcaption>{escape(title)} {names}</figcaption></figure>"
    )


def _room(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 1, high + 1)


def _place(
    x: np.ndarray, y: np.ndarray, box: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Data to pixels of the figure."""
    x0, x1, y0, y1 = box
    across = _LEFT + (x - x0) / (x1 - x0) * (_WIDTH - _LEFT - _RIGHT)
    down = _HEIGHT - _BOTTOM - (y - y0) / (y1 - y0) * (_HEIGHT - _TOP - _BOTTOM)
    return across, down


def _path(line: Line, box: tuple[float, float, float, float]) -> str:
    step = 1 + len(line.x) // _MOST_POINTS
    across, down = _place(line.x[::step], line.y[::step], box)
    gap = np.diff(line.x[::step], prepend=-np.inf)
    usual = np.median(gap[1:]) if len(gap) > 1 else 0.0
    return "".join(
        f"{'M' if g > 3 * usual else 'L'}{a:.1f} {d:.1f}"
        for a, d, g in zip(across, down, gap, strict=True)
    )


def _axes(box: tuple[float, float, float, float]) -> str:
    x0, x1, y0, y1 = box
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    frame = f"M{_LEFT} {_TOP}V{bottom}H{right}"
    marks = f'<path fill="none" stroke="currentColor" stroke-width=".6" d="{frame}"/>'
    for value, anchor, x in ((x0, "start", _LEFT), (x1, "end", right)):
        marks += (
            f'<text x="{x}" y="{_HEIGHT - 5}" text-anchor="{anchor}">{round(value, 2):g}</text>'
        )
    for value, y in ((y0, bottom), (y1, _TOP + 9)):
        marks += f'<text x="{_LEFT - 5}" y="{y}" text-anchor="end">{round(value, 2):g}</text>'
    return marks
