"""What an evaluation found: per frame, in the mean, as JSON and as a table."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
from rich.table import Table

from audioplane.errors import MediaError
from audioplane.evaluate.lips import LipScores

FORMAT_VERSION = 1
"""Version of the JSON report."""
REGIONS = ("whole", "face", "mouth")


@dataclass(frozen=True)
class RegionScores:
    """Image metrics of one region; None where one cannot be computed."""

    psnr: float | None = None
    """dB."""
    ssim: float | None = None
    l1: float | None = None
    """Mean absolute difference, 0 to 1."""
    lpips: float | None = None


@dataclass(frozen=True)
class FrameScores:
    """All metrics of one frame."""

    img_id: int
    regions: dict[str, RegionScores]
    """By name in `REGIONS`."""
    lmd: float | None = None
    """Landmark distance, pixels."""
    aperture: float | None = None
    """Mouth aperture of the render."""
    true_aperture: float | None = None
    """Mouth aperture of the ground truth, read off its picture like the render's."""


@dataclass(frozen=True)
class EvaluationReport:
    """One evaluation of a head on the held-out frames of its subject."""

    frames: tuple[FrameScores, ...]
    lips: LipScores
    empty: dict[str, str] = field(default_factory=dict)
    """Why a metric has no value, by its name."""
    notes: tuple[str, ...] = ()
    """How the figures were made."""
    subject: str = ""

    @property
    def means(self) -> dict[str, RegionScores]:
        """Mean of the per-frame values of every region."""
        return {name: _mean(f.regions[name] for f in self.frames) for name in REGIONS}

    @property
    def reasons(self) -> dict[str, str]:
        """Every empty cell with its reason."""
        return {**self.empty, **self.lips.empty}

    def to_json(self, path: Path | None = None) -> str:
        """The report as JSON text; also written to `path`. Raises `MediaError` if it cannot be.

        Empty cells are null, their reasons are under `empty`.
        """
        data = {
            "format_version": FORMAT_VERSION,
            "subject": self.subject,
            "n_frames": len(self.frames),
            "means": {name: asdict(scores) for name, scores in self.means.items()},
            "lips": {k: v for k, v in asdict(self.lips).items() if k != "empty"},
            "empty": self.reasons,
            "notes": list(self.notes),
            "frames": [asdict(f) for f in self.frames],
        }
        text = json.dumps(data, indent=1, allow_nan=False)
        if path is not None:
            _write(path, text)
        return text

    def to_table(self) -> Table:
        """The means as a table for the terminal."""
        table = Table(title=f"{len(self.frames)} held-out frames", title_justify="left")
        table.add_column("metric")
        for name in REGIONS:
            table.add_column(name, justify="right")
        means = self.means
        for label, name, form in _IMAGE_ROWS:
            table.add_row(label, *(_cell(getattr(means[r], name), form) for r in REGIONS))
        for label, name, form in _LIP_ROWS:
            table.add_row(label, "", "", _cell(getattr(self.lips, name), form))
        source = [f"mouth read by: {self.lips.source}"] if self.lips.source else []
        reasons = [f"{name}: {reason}" for name, reason in self.reasons.items()]
        table.caption = "\n".join([*source, *self.notes, *reasons])
        table.caption_justify = "left"
        return table


_IMAGE_ROWS = (
    ("PSNR dB ↑", "psnr", "{:.2f}"),
    ("SSIM ↑", "ssim", "{:.4f}"),
    ("L1 ↓", "l1", "{:.4f}"),
    ("LPIPS ↓", "lpips", "{:.4f}"),
)
_LIP_ROWS = (
    ("LMD px ↓", "lmd", "{:.2f}"),
    ("MAC ↑", "mac", "{:.3f}"),
    ("lag frames", "lag", "{:+d}"),
    ("MAC at lag", "mac_at_lag", "{:.3f}"),
    ("aperture spread", "spread", "{:.2f}"),
    ("reader's own correlation", "source_accuracy", "{:.3f}"),
)


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _mean(scores: Iterable[RegionScores]) -> RegionScores:
    rows = list(scores)

    def mean(get: Callable[[RegionScores], float | None]) -> float | None:
        values = [v for v in map(get, rows) if v is not None]
        return float(np.mean(values)) if values else None

    names = (f.name for f in fields(RegionScores))
    return RegionScores(*(mean(lambda s, n=n: getattr(s, n)) for n in names))


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as e:
        partial.unlink(missing_ok=True)
        raise MediaError(f"{path} cannot be written: {e.strerror}") from e
