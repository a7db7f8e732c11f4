"""A comparison as one page of HTML that needs no other file."""

from base64 import b64encode
from collections.abc import Iterable
from html import escape

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
from audioplane.media.image import encode_image

PICTURE, MOUTH = 208, 104
"""Widths of what is shown, pixels."""
QUALITY = 85
"""Of the JPEGs."""
_CURVE = (720, 90)
"""Width and height of a curve, pixels."""
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:110rem;margin:2rem auto;padding:0 1rem;
color:#1b1b1f;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}
td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}
td:first-child,th:first-child{text-align:left}
.paper{color:#777}.paper.first{border-left:2px solid #ccc}
.films td,.films th,.told td{text-align:left;vertical-align:top;white-space:normal}
.films img{display:block;margin-bottom:2px}
.true{stroke:#888}.own{stroke:#06c}polyline{fill:none;stroke-width:1.5}
@media(prefers-color-scheme:dark){body{color:#e6e6ea;background:#17171a}td,th{border-color:#444}
.own{stroke:#5af}.paper{color:#999}}
"""


def comparison_page(comparison: Comparison) -> str:
    """The page: scores, what was aligned, pictures, mouth curves, protocol."""
    entries = comparison.entries
    told = "".join(
        f"<tr><td>{escape(e.name)}</td><td>{escape('; '.join(aligned(e, comparison)))}</td></tr>"
        for e in entries
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>audioplane compare</title>'
        f"<style>{_STYLE}</style><h1>Comparison</h1><p>{escape(span_text(comparison))}</p>"
        f'<div class="wide">{_scores(comparison)}</div>{_list(reasons(comparison))}'
        f'<h2>What was aligned</h2><table class="told">{told}</table>'
        f'<h2>Pictures</h2><div class="wide">{_films(entries)}</div>'
        "<h2>Mouth aperture</h2><p>Grey: the ground truth.</p>"
        + "".join(_curve(e) for e in entries)
        + f"<h2>Protocol</h2>{_list(PROTOCOL)}</html>"
    )


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _scores(comparison: Comparison) -> str:
    columns = shown_columns(comparison)
    best = {c.title: _best(c, comparison.entries) for c in columns}
    head = "".join(f"<th>{c.title}</th>" for c in columns)
    own = "".join(f"<td>{truth_cell(comparison, c)}</td>" for c in columns)
    rows = f"<tr><td>ground truth</td>{own}{_paper(TRUTH)}</tr>"
    for entry in comparison.entries:
        cells = ""
        for column in columns:
            text = cell(column.get(entry.report), column.form)
            cells += f"<td>{f'<b>{text}</b>' if text and text == best[column.title] else text}</td>"
        rows += f"<tr><td>{escape(entry.name)}</td>{cells}{_paper(entry.published)}</tr>"
    measures = "".join(
        f'<th class="paper{first}">{name}</th>'
        for _ in "AB"
        for name, first in (("PSNR", " first"), ("SSIM", ""), ("LPIPS", ""), ("SyncNet", ""))
    )
    return (
        f'<table><tr><th></th><th colspan="{len(columns)}">measured here</th>'
        '<th class="paper first" colspan="4">the paper, test set A</th>'
        '<th class="paper first" colspan="4">the paper, test set B</th>'
        '<th class="paper first"></th></tr>'
        f'<tr><th></th>{head}{measures}<th class="paper first">fps</th></tr>{rows}</table>'
    )


def _best(column: Column, entries: tuple[Entry, ...]) -> str | None:
    """The best figure of a column, as it is printed."""
    values = [v for v in (column.get(e.report) for e in entries) if v is not None]
    if column.larger_is_better is None or len(values) < 2:
        return None
    return cell(max(values) if column.larger_is_better else min(values), column.form)


def _paper(row: Published | None) -> str:
    if row is None:
        return '<td class="paper first"></td>' + '<td class="paper"></td>' * 8
    cells = ""
    for figures in (row.a, row.b):
        cells += f'<td class="paper first">{cell(figures.psnr, "{:.2f}")}</td>'
        for value in (figures.ssim, figures.lpips, figures.syncnet):
            cells += f'<td class="paper">{cell(value, "{:.3f}")}</td>'
    return cells + f'<td class="paper first">{cell(row.fps, "{:g}")}</td>'


def _films(entries: tuple[Entry, ...]) -> str:
    names = ["ground truth", *(e.name for e in entries)]
    rows = f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in names)}</tr>"
    for moment in zip(*(e.examples for e in entries), strict=False):
        pictures = [moment[0].truth, *(example.image for example in moment)]
        cells = "".join(f"<td>{_views(p, moment[0].mouth)}</td>" for p in pictures)
        rows += f"<tr>{cells}</tr>"
    return f'<table class="films">{rows}</table>'


def _views(picture: Image, mouth: tuple[slice, slice]) -> str:
    """The picture and its mouth."""
    height, width = picture.shape[:2]
    whole = fit(picture, (PICTURE, max(1, round(height * PICTURE / width))))
    return _jpeg(whole) + _jpeg(fit(np.ascontiguousarray(picture[mouth]), (MOUTH, MOUTH)))


def _jpeg(picture: Image) -> str:
    data = b64encode(encode_image(picture, ".jpg", QUALITY)).decode()
    height, width = picture.shape[:2]
    return f'<img width="{width}" height="{height}" alt="" src="data:image/jpeg;base64,{data}">'


def _curve(entry: Entry) -> str:
    """Both apertures over time."""
    frames = entry.report.frames
    pairs = (("true", [f.true_aperture for f in frames]), ("own", [f.aperture for f in frames]))
    highest = max((v for _, line in pairs for v in line if v is not None), default=1.0) or 1.0
    width, height = _CURVE
    lines = ""
    for name, line in pairs:
        points = " ".join(
            f"{i * width / max(1, len(line) - 1):.1f},{height - 2 - v / highest * (height - 4):.1f}"
            for i, v in enumerate(line)
            if v is not None
        )
        lines += f'<polyline class="{name}" points="{points}"/>'
    return (
        f"<p>{escape(entry.name)}, {len(frames) / FPS:.2f} s<br>"
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">{lines}</svg></p>'
    )
