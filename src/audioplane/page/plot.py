"""Plots as inline SVG. Lines stretch with the page, labels are text and keep their size.

Values are drawn on 1000 × 1000 units, whatever the plot's shape on screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from audioplane.media.image import encode_image
from audioplane.page.document import Html, data_uri, escape

_UNITS = 1000
_MOST_TICKS = 5
_MOST_POINTS = 1200
"""Points of a line beyond which neighbours are averaged: a screen shows no more."""


@dataclass(frozen=True)
class Line:
    """One line of a plot. Where y is NaN it is interrupted."""

    label: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    dashed: bool = False


def line_plot(
    lines: Sequence[Line], title: str, x_label: str, alt: str, height: float = 11.0
) -> Html:
    """Lines over a common x.

    Args:
        lines: One to four; where all y are NaN, the plot is empty and y has no scale.
        title: What y is, with its unit.
        x_label: What x is, with its unit.
        alt: What the plot shows, for screen readers.
        height: In rem.
    """
    lines = [_thinned(line) for line in lines]
    xs = np.concatenate([line.x for line in lines])
    ys = np.concatenate([line.y for line in lines])
    x_ticks = ticks(float(xs.min()), float(xs.max()), _MOST_TICKS)
    known = ys[~np.isnan(ys)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    y_ticks = ticks(low, high, 5) if len(known) else []
    across = _Scale(float(xs.min()), float(xs.max()))
    up = _Scale(min([low, *y_ticks]), max([high, *y_ticks]))
    grid = "".join(f"M0 {_UNITS - up(v):.1f}H{_UNITS}" for v in y_ticks)
    paths = "".join(
        f'<path class="line c{i + 1}{" dash" if line.dashed else ""}" '
        f'd="{_path(across(line.x), _UNITS - up(line.y))}"/>'
        for i, line in enumerate(lines)
    )
    keys = ""
    if len(lines) > 1:
        keys = "".join(
            f'<span><i class="c{i + 1}"></i>{escape(line.label)}</span>'
            for i, line in enumerate(lines)
        )
        keys = f'<div class="keys">{keys}</div>'
    marks = "".join(
        f'<span class="y" style="top:{100 - up(v) / 10:.2f}%">{_number(v, y_ticks)}</span>'
        for v in y_ticks
    )
    svg = _svg(f'<path class="grid" d="{grid}"/>{paths}', alt)
    return _plot(title, keys, svg + marks, height, _x_axis(x_ticks, across, x_label))


def area_plot(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    title: str,
    x_label: str,
    alt: str,
    height: float = 3.5,
) -> Html:
    """A filled curve from zero to its maximum, without a scale, for levels shown beside a plot."""
    line = _thinned(Line("", x, y))
    across, up = _Scale(float(x.min()), float(x.max())), _Scale(0.0, max(float(y.max()), 1e-9))
    curve = _path(across(line.x), _UNITS - up(line.y))
    svg = _svg(f'<path class="fill c4" d="{curve}V{_UNITS}H0Z"/>', alt)
    x_ticks = ticks(float(x.min()), float(x.max()), _MOST_TICKS)
    return _plot(title, "", svg, height, _x_axis(x_ticks, across, x_label))


def heat_map(
    colours: UInt8[np.ndarray, "r n 3"],
    x_range: tuple[float, float],
    row_labels: Sequence[str],
    title: str,
    x_label: str,
    alt: str,
) -> Html:
    """Rows of coloured cells over x, one label a row.

    Args:
        colours: RGB of every cell, first row on top.
        x_range: x at the left edge of the first column and the right edge of the last.
        row_labels: One a row.
        title: What a cell's colour means.
        x_label: What x is, with its unit.
        alt: What the map shows.
    """
    across = _Scale(*x_range)
    source = data_uri(encode_image(colours, ".png"), "image/png")
    rows = len(row_labels)
    marks = "".join(
        f'<span class="y" style="top:{100 * (i + 0.5) / rows:.2f}%">{escape(label)}</span>'
        for i, label in enumerate(row_labels)
    )
    area = f'<img src="{source}" alt="{escape(alt)}">{marks}'
    return _plot(
        title, "", area, 1.0 * rows, _x_axis(ticks(*x_range, _MOST_TICKS), across, x_label)
    )


def ticks(low: float, high: float, most: int) -> list[float]:
    """A few round numbers (1, 2 or 5 times a power of ten apart) that cover low to high.

    The first lies at or above `low`, the last at or below `high`, unless these are the same.
    """
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9)))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(k * step) + 0.0 for k in np.arange(first, last + 1)]  # + 0.0: no minus zero


@dataclass(frozen=True)
class _Scale:
    """The map from values to units."""

    low: float
    high: float

    def __call__(self, value):
        return (value - self.low) / ((self.high - self.low) or 1.0) * _UNITS


def _thinned(line: Line) -> Line:
    factor = -(-len(line.x) // _MOST_POINTS)
    if factor <= 1:
        return line
    whole = len(line.x) // factor * factor
    x, rows = (v[:whole].reshape(-1, factor) for v in (line.x, line.y))
    known = ~np.isnan(rows)
    count = known.sum(1)
    y = np.where(count > 0, np.where(known, rows, 0).sum(1) / np.maximum(count, 1), np.nan)
    return Line(line.label, x.mean(1), y, line.dashed)


def _path(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> str:
    parts, known = [], np.isfinite(y)
    before, after = np.append(False, known[:-1]), np.append(known[1:], False)
    for i in np.flatnonzero(known):
        alone = "" if before[i] or after[i] else "h0"  # round ends make it a point
        parts.append(f"{'L' if before[i] else 'M'}{x[i]:.1f} {y[i]:.1f}{alone}")
    return "".join(parts)


def _svg(inside: str, alt: str) -> str:
    return (
        f'<svg viewBox="0 0 {_UNITS} {_UNITS}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(alt)}">{inside}</svg>'
    )


def _x_axis(x_ticks: Sequence[float], across: _Scale, label: str) -> str:
    marks = "".join(
        f'<span class="x" style="left:{across(v) / 10:.2f}%">{_number(v, x_ticks)}</span>'
        for v in x_ticks
    )
    return f'<div class="xs">{marks}</div><div class="axis">{escape(label)}</div>'


def _plot(title: str, keys: str, area: str, height: float, axis: str) -> Html:
    return Html(
        f'<div class="plot"><div class="title">{escape(title)}</div>{keys}'
        f'<div class="area" style="height:{height}rem">{area}</div>{axis}</div>'
    )


def _number(value: float, among: Sequence[float]) -> str:
    """A tick's text, with as many decimals as its neighbours need."""
    step = among[1] - among[0] if len(among) > 1 else abs(value) or 1.0
    if max(map(abs, among)) >= 10_000 and step >= 1_000:
        return f"{value / 1000:g}k"
    decimals = max(0, int(-np.floor(np.log10(step) + 1e-9)))
    return f"{value:,.{decimals}f}"
