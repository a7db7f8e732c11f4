"""The tables as JSON and as one self-contained page."""

import json
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from audioplane.errors import MediaError
from audioplane.experiments.ablate.tables import TABLES, Table


@dataclass(frozen=True)
class VariantResult:
    """What one variant reached on the held-out frames, poses as tracked; None where unknown."""

    psnr: float | None
    ssim: float | None
    lpips: float | None
    mouth_psnr: float | None
    lmd: float | None
    mac: float | None
    spread: float | None
    density: float
    """Gaussians an area inside the mouth mask over those of the rest of the head (Fig. 4)."""
    gaussians: int
    iterations: int
    seconds: float
    syncnet: float | None = None
    """Needs the original weights file."""


_COLUMNS = (
    ("PSNR ↑", "psnr", "{:.2f}"),
    ("SSIM ↑", "ssim", "{:.4f}"),
    ("LPIPS ↓", "lpips", "{:.4f}"),
    ("SyncNet ↑", "syncnet", "{:.3f}"),
    ("mouth PSNR ↑", "mouth_psnr", "{:.2f}"),
    ("LMD ↓", "lmd", "{:.3f}"),
    ("MAC ↑", "mac", "{:.3f}"),
    ("density at the mouth", "density", "{:.2f}"),
)
_SMALLER_IS_BETTER = ("lmd", "lpips")
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;
color:#1b1b1f;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.4rem 0}
td,th{padding:.25rem .8rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
.paper{color:#777}
@media(prefers-color-scheme:dark){body{color:#e6e6ea;background:#17171a}td,th{border-color:#444}}
"""


def holds(
    table: Table, results: dict[str, VariantResult], metric: str
) -> list[tuple[str, str, bool]]:
    """For each pair that the paper orders and both of which are known: whether ours agree."""
    rows = {row.label: results.get(row.key) for row in table.rows}
    verdicts = []
    for better, worse in table.expected:
        a, b = (getattr(rows[label], metric, None) for label in (better, worse))
        if a is not None and b is not None:
            verdicts.append((better, worse, a < b if metric in _SMALLER_IS_BETTER else a > b))
    return verdicts


def write_reports(
    out: Path, numbers: tuple[int, ...], results: dict[str, VariantResult], facts: dict[str, str]
) -> None:
    """Write report.json and report.html. Raises `MediaError` if the folder cannot be written."""
    rows = {key: asdict(result) for key, result in results.items()}
    try:
        text = json.dumps({"facts": facts, "variants": rows}, indent=1)
        (out / "report.json").write_text(text)
        (out / "report.html").write_text(_page(numbers, results, facts), encoding="utf-8")
    except OSError as e:
        raise MediaError(f"{out} cannot be written ({e}): choose another --out") from e


def _page(
    numbers: tuple[int, ...], results: dict[str, VariantResult], facts: dict[str, str]
) -> str:
    told = "".join(f"<li>{escape(k)}: {escape(v)}</li>" for k, v in facts.items())
    tables = "".join(_table(n, TABLES[n], results) for n in numbers)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>audioplane ablations</title>'
        f"<style>{_STYLE}</style><h1>Ablations</h1><ul>{told}</ul>{tables}</html>"
    )


def _table(number: int, table: Table, results: dict[str, VariantResult]) -> str:
    head = "".join(f"<th>{title}</th>" for title, _, _ in _COLUMNS)
    body = ""
    for row in table.rows:
        result = results.get(row.key)
        ours = "".join(_cell(getattr(result, name, None), form) for _, name, form in _COLUMNS)
        paper = "".join(_cell(row.published.get(name), form) for _, name, form in _COLUMNS)
        body += f"<tr><td>{escape(row.label)}</td>{ours}</tr>"
        body += f'<tr class="paper"><td>&emsp;the paper</td>{paper}</tr>'
    verdicts = "".join(
        f"<li>{escape(better)} better than {escape(worse)}: "
        + ", ".join(f"{metric.upper()} {'yes' if ok else 'no'}" for metric, ok in found)
        + "</li>"
        for (better, worse), found in _verdicts(table, results).items()
    )
    return (
        f"<table><caption>Table {number}. {escape(table.title)}</caption>"
        f"<tr><th></th>{head}</tr>{body}</table><ul>{verdicts}</ul>"
    )


def _verdicts(
    table: Table, results: dict[str, VariantResult]
) -> dict[tuple[str, str], list[tuple[str, bool]]]:
    found: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for metric in ("psnr", "lpips", "lmd", "mac"):
        for better, worse, ok in holds(table, results, metric):
            found.setdefault((better, worse), []).append((metric, ok))
    return found


def _cell(value: float | None, form: str) -> str:
    return f"<td>{'' if value is None else form.format(value)}</td>"
