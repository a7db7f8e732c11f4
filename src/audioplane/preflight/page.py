"""`preflight.html`: the verdict with pictures and plots on one page that needs nothing else."""

import base64
from html import escape
from pathlib import Path

import numpy as np

from audioplane.assets import write_atomically
from audioplane.media.image import encode_image
from audioplane.preflight.check import Preflight
from audioplane.preflight.plots import Line, plot
from audioplane.preflight.sync import RANGE

_STYLE = """
body{font:16px/1.45 system-ui,sans-serif;max-width:60rem;margin:1.5rem auto;padding:0 1rem;
color:#1b1b1f;background:#fff}
h1{font-size:1.3rem}table{border-collapse:collapse;width:100%}
td{padding:.25rem .6rem .25rem 0;vertical-align:top;border-bottom:1px solid #ddd}
.good b{color:#2a7d3f}.warning b{color:#a66300}.hopeless b{color:#b3261e}
.pictures img{width:7rem;height:7rem;margin:0 .3rem .3rem 0;border-radius:.3rem}
figure{display:inline-block;margin:.5rem 1rem .5rem 0}figcaption{font-size:.85rem;color:#666}
svg{width:28rem;max-width:100%;height:auto;color:#888}
@media(prefers-color-scheme:dark){body{color:#e6e6ea;background:#17171a}td{border-color:#444}}
"""
PREFLIGHT_PAGE = "preflight.html"
_WORDS = {"good": "good", "warning": "mind", "hopeless": "no"}


def write_page(report: Preflight, path: Path) -> None:
    """Write the page. Raises `MediaError` if it cannot be written."""
    with write_atomically(path) as partial:
        partial.write_text(_page(report), encoding="utf-8")


def _page(report: Preflight) -> str:
    rows = "".join(
        f'<tr class="{f.level}"><td><b>{_WORDS[f.level]}</b></td><td>{escape(f.name)}</td>'
        f"<td>{escape(f.value)}</td><td>{escape(f.advice)}</td></tr>"
        for f in report.findings
    )
    pictures = "".join(_picture(image) for image in report.sample.pictures)
    title = f"{escape(report.name)}: {escape(report.title)}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style>"
        f'<h1 class="{report.verdict}">{title}</h1><p class="pictures">{pictures}</p>'
        f"<table>{rows}</table>{''.join(_plots(report))}</html>\n"
    )


def _picture(image: np.ndarray) -> str:
    data = base64.b64encode(encode_image(image, ".jpg", 80)).decode()
    return f'<img alt="face" src="data:image/jpeg;base64,{data}">'


def _plots(report: Preflight) -> list[str]:
    shown = []
    seen = [(f.time, f.face) for f in report.sample.frames if f.face is not None]
    if seen:
        times = np.array([t for t, _ in seen])
        turns = [Line("yaw", times, np.array([f.turn.yaw for _, f in seen]))]
        turns.append(Line("pitch", times, np.array([f.turn.pitch for _, f in seen])))
        turns.append(Line("roll", times, np.array([f.turn.roll for _, f in seen])))
        shown.append(plot("head rotation, degrees, by second", turns))
        aperture = np.array([f.aperture for _, f in seen])
        shown.append(plot("opening of the mouth, by second", [Line("", times, aperture)]))
        sharp = np.array([f.sharpness for _, f in seen])
        shown.append(plot("sharpness, by second", [Line("", times, sharp)]))
    if len(report.loudness):
        times = np.arange(len(report.loudness)) / 10
        level = np.maximum(report.loudness, -80)
        shown.append(plot("sound level, dB, by second", [Line("", times, level)]))
    if report.offset is not None:
        curve = report.offset.curve
        at = 1000 * np.linspace(-RANGE, RANGE, len(curve))
        shown.append(
            plot("agreement of mouth and voice, by offset of the sound, ms", [Line("", at, curve)])
        )
    return shown
