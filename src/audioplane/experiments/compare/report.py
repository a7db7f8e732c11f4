"""A comparison as a table like the paper's Table 4, and as JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from audioplane.clock import FPS
from audioplane.evaluate.heldout import unseen_mouths
from audioplane.evaluate.report import ScoreReport
from audioplane.evaluate.scores.metrics import PSNR_CAP
from audioplane.experiments.compare.align import MAX_SHIFT
from audioplane.experiments.compare.comparison import Comparison, Entry
from audioplane.experiments.compare.published import TRUTH, Published

FORMAT_VERSION = 1
"""Version of the JSON report."""
PROTOCOL = (
    "decoded files as they are, at 25 frames a second (image on screen in the middle of each "
    "interval), in the ground truth's size",
    "only frames of the ground truth that every video shows; mean of per-frame values",
    "PSNR, SSIM (Gaussian window 11, sigma 1.5, mean of R, G and B), LPIPS v0.1 on AlexNet: whole "
    f"image; identical images count as {PSNR_CAP:.0f} dB",
    "LMD: mouth landmarks, mean-centred, pixels of the ground truth; MAC: correlation of mouth "
    "aperture; late: frames by which it is highest (+: lips late); mouths are read by MediaPipe's "
    "landmarker in video and ground truth alike",
    "SyncNet: confidence and distance by the authors' pipeline on each video's own images, with "
    "MediaPipe's face box in place of S3FD's and without re-encoding",
    "BSE-U, BSE-L: blendshape error of upper and lower face (ours, not AUE); AUE-U, AUE-L: "
    "action unit error from OpenFace's tables",
    "the paper's figures are of its own videos and test sets A and B: for reference only",
)


@dataclass(frozen=True)
class Column:
    """One figure of every video."""

    title: str
    get: Callable[[ScoreReport], float | int | None]
    form: str
    published: str = ""
    """Name of the paper's figure."""


COLUMNS = (
    Column("PSNR ↑", lambda r: r.means["whole"].psnr, "{:.2f}", "psnr"),
    Column("SSIM ↑", lambda r: r.means["whole"].ssim, "{:.3f}", "ssim"),
    Column("LPIPS ↓", lambda r: r.means["whole"].lpips, "{:.3f}", "lpips"),
    Column("SyncNet ↑", lambda r: r.syncnet.confidence, "{:.3f}", "syncnet"),
    Column("dist. ↓", lambda r: r.syncnet.distance, "{:.3f}"),
    Column("LMD ↓", lambda r: r.lips.lmd, "{:.2f}"),
    Column("MAC ↑", lambda r: r.lips.mac, "{:.3f}"),
    Column("late", lambda r: r.lips.lag, "{:+d}"),
    Column("BSE-U ↓", lambda r: r.expression.bse_upper, "{:.3f}"),
    Column("BSE-L ↓", lambda r: r.expression.bse_lower, "{:.3f}"),
    Column("AUE-U ↓", lambda r: r.expression.aue_upper, "{:.3f}"),
    Column("AUE-L ↓", lambda r: r.expression.aue_lower, "{:.3f}"),
)
TRUTH_TITLES = {"SyncNet ↑": "confidence", "dist. ↓": "distance"}
"""Columns in which the ground truth has a figure, with the score's name."""


def shown_columns(comparison: Comparison) -> tuple[Column, ...]:
    """All columns, those of AUE only where it was asked for."""
    asked = any(e.report.expression.aue_upper is not None for e in comparison.entries)
    return tuple(c for c in COLUMNS if asked or not c.title.startswith("AUE"))


def cell(value: float | int | None, form: str) -> str:
    """A figure; nothing where it is unknown."""
    return "" if value is None else form.format(value)


def truth_cell(comparison: Comparison, column: Column) -> str:
    """The ground truth's figure, where it has one."""
    name = TRUTH_TITLES.get(column.title)
    return cell(getattr(comparison.syncnet, name), column.form) if name else ""


def reasons(comparison: Comparison) -> list[str]:
    """Why cells are empty, each reason once, with the videos it applies to."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in comparison.entries:
        for metric, reason in entry.report.reasons.items():
            found.setdefault((metric, reason), []).append(entry.name)
    everywhere = len(comparison.entries)
    failed = [f"{name} was not scored: {reason}" for name, reason in comparison.failed.items()]
    return failed + [
        f"{metric}{'' if len(names) == everywhere else ' of ' + ', '.join(names)}: {reason}"
        for (metric, reason), names in found.items()
    ]


def aligned(entry: Entry, comparison: Comparison) -> list[str]:
    """Changes to a video before it was scored, and frames that were left out."""
    own, true, at = entry.scan, comparison.truth, entry.alignment
    done = []
    if own.info.fps and abs(own.info.fps - FPS) > 0.01:
        done.append(f"resampled from {own.info.fps:.4g} to {FPS} fps by time stamps")
    if (own.info.width, own.info.height) != (true.info.width, true.info.height):
        done.append(f"scaled from {own.info.width}×{own.info.height}")
    side = "late" if at.shift > 0 else "early"
    if at.shift:
        done.append(f"images {abs(at.shift)} frames {side} (by {at.found_by}): moved")
    if at.found_by == "start":
        done.append(
            f"no offset within {MAX_SHIFT / FPS:.0f} s fits (likeness {at.likeness:.2f}): "
            "compared from the start"
        )
    if own.sound is None:
        done.append("no sound: SyncNet is given the ground truth's")
    elif at.sound_shift is None:
        done.append("not the sound of the ground truth's")
    elif abs(late := at.sound_shift - at.shift / FPS) > 0.5 / FPS:
        side = "late" if late > 0 else "early"
        done.append(f"sound {abs(late) * 1000:.0f} ms {side} to its images: left as it is")
    left = len(own) - (comparison.last - comparison.first)
    if left:
        done.append(f"{left} frames left out")
    if unseen := unseen_mouths(entry.report.lips, comparison.last - comparison.first):
        done.append(unseen)
    return done or ["nothing to align"]


def span_text(comparison: Comparison) -> str:
    """Which frames were scored."""
    n = comparison.last - comparison.first
    return (
        f"{n} frames ({n / FPS:.2f} s) of {comparison.truth.path.name}, "
        f"{comparison.first} to {comparison.last - 1} of {len(comparison.truth)}"
    )


def to_json(comparison: Comparison) -> str:
    """The comparison as JSON text; unknown figures are null, their reasons under `empty`."""
    data = {
        "format_version": FORMAT_VERSION,
        "protocol": list(PROTOCOL),
        "ground_truth": {
            "file": str(comparison.truth.path),
            "frames": len(comparison.truth),
            "syncnet": asdict(comparison.syncnet),
            "paper": asdict(TRUTH),
        },
        "scored": {"fps": FPS, "first": comparison.first, "last": comparison.last - 1},
        "videos": [_video(entry, comparison) for entry in comparison.entries],
        "failed": dict(comparison.failed),
    }
    return json.dumps(data, indent=1, allow_nan=False)


def _video(entry: Entry, comparison: Comparison) -> dict[str, object]:
    report = entry.report
    lips = asdict(report.lips)
    return {
        "name": entry.name,
        "file": str(entry.scan.path),
        "frames": len(entry.scan),
        "alignment": {**asdict(entry.alignment), "told": aligned(entry, comparison)},
        "means": {name: asdict(scores) for name, scores in report.means.items()},
        "lips": {k: v for k, v in lips.items() if k != "empty"},
        "syncnet": asdict(report.syncnet),
        "expression": asdict(report.expression),
        "empty": report.reasons,
        "paper": asdict(entry.published) if entry.published else None,
    }


@dataclass(frozen=True)
class TableLine:
    """A line of the table."""

    label: str
    cells: tuple[str, ...]
    """One for each of `shown_columns`; empty where unknown."""
    paper: bool = False
    """Whether these are figures of the paper."""


def table_lines(comparison: Comparison) -> list[TableLine]:
    """Ground truth and videos, each followed by the paper's figures for it."""
    columns = shown_columns(comparison)
    lines = [TableLine("ground truth", tuple(truth_cell(comparison, c) for c in columns))]
    lines += _paper(columns, TRUTH)
    for entry in comparison.entries:
        lines.append(
            TableLine(entry.name, tuple(cell(c.get(entry.report), c.form) for c in columns))
        )
        lines += _paper(columns, entry.published)
    return lines


def _paper(columns: tuple[Column, ...], row: Published | None) -> list[TableLine]:
    """A line for each of the paper's test sets."""
    if row is None:
        return []
    sets = (("A", asdict(row.a)), ("B", asdict(row.b)))
    return [
        TableLine(
            f"  paper, set {name}", tuple(cell(f.get(c.published), c.form) for c in columns), True
        )
        for name, f in sets
    ]
