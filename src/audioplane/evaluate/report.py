"""Scores of rendered frames: per frame, as means, as JSON, and as rows of a table."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from audioplane.evaluate.scores.action_units import ExpressionErrors
from audioplane.evaluate.scores.lips import LipScores
from audioplane.evaluate.scores.outline import REACH
from audioplane.evaluate.scores.sound import SoundSync
from audioplane.evaluate.scores.visemes import NO_VISEMES, ROWS, VisemeScores
from audioplane.evaluate.setup import EvaluationSetup
from audioplane.evaluate.speed import Speed
from audioplane.evaluate.streaks import TURN, Streaks
from audioplane.evaluate.syncnet import NO_SYNCNET, SyncScores

FORMAT_VERSION = 2
"""Of `metrics.json`; 1 was one file for each kind of poses."""
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
    """Mouth aperture of the ground truth, read off its image like the render's."""
    width: float | None = None
    """Distance of the corners of the render's mouth, pixels."""
    true_width: float | None = None
    """The same of the ground truth."""
    turn: float | None = None
    """Degrees between the directions in which the head looks here and in the training's mean."""
    outline: float | None = None
    """PSNR about the person's outline against the recording itself, dB (`scores.outline`)."""


@dataclass(frozen=True)
class MetricRow:
    """One line of a report's table."""

    label: str
    cells: tuple[str | None, str | None, str | None]
    """For `REGIONS`; None could not be computed (`ScoreReport.reasons` says why), "" does not
    apply."""


@dataclass(frozen=True)
class ScoreReport:
    """All scores of one sequence of frames against its ground truth."""

    frames: tuple[FrameScores, ...]
    lips: LipScores
    empty: dict[str, str] = field(default_factory=dict)
    """Why a metric has no value, by its name."""
    notes: tuple[str, ...] = ()
    """How the figures were made."""
    sound: SoundSync | None = None
    """The render's mouth against the sound."""
    true_sound: SoundSync | None = None
    """The recording's mouth against the sound: the attainable score."""
    visemes: VisemeScores = NO_VISEMES
    """The render's lips against the phones that are spoken."""
    true_visemes: VisemeScores = NO_VISEMES
    """The recording's: the attainable scores."""
    syncnet: SyncScores = SyncScores(empty=NO_SYNCNET)
    """Of the render."""
    true_syncnet: SyncScores = SyncScores(empty=NO_SYNCNET)
    """Of the ground truth."""
    expression: ExpressionErrors = ExpressionErrors()
    streaks: Streaks | None = None
    """Of the head at turned poses; None where there is only a video."""

    @property
    def means(self) -> dict[str, RegionScores]:
        """Mean of the per-frame values of every region."""
        return {name: _mean(f.regions[name] for f in self.frames) for name in REGIONS}

    @property
    def furthest(self) -> tuple[FrameScores, ...]:
        """The tenth of the frames, one at least, turned furthest from the training's mean; none
        where turns are not known."""
        known = [(f.turn, f) for f in self.frames if f.turn is not None]
        ranked = sorted(known, key=lambda pair: -pair[0])
        return tuple(f for _, f in ranked[: -(-len(ranked) // 10)])

    @property
    def outline(self) -> float | None:
        """Mean PSNR about the person's outline, dB; None where it is not known."""
        values = [f.outline for f in self.frames if f.outline is not None]
        return float(np.mean(values)) if values else None

    def _furthest(self) -> dict[str, Any] | None:
        frames = self.furthest
        if not frames:
            return None
        return {
            "n_frames": len(frames),
            "turn": float(np.mean([f.turn for f in frames if f.turn is not None])),
            "means": {name: asdict(_mean(f.regions[name] for f in frames)) for name in REGIONS},
        }

    @property
    def reasons(self) -> dict[str, str]:
        """Every empty cell with its reason."""
        syncnet = {"syncnet": self.syncnet.empty} if self.syncnet.empty else {}
        return {**self.empty, **self.lips.empty, **syncnet}

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON. Empty cells are null, their reasons are under `empty`."""
        return {
            "n_frames": len(self.frames),
            "means": {name: asdict(scores) for name, scores in self.means.items()},
            "furthest_tenth": self._furthest(),
            "outline_psnr": self.outline,
            "streaks": asdict(self.streaks) if self.streaks else None,
            "lips": {k: v for k, v in asdict(self.lips).items() if k != "empty"},
            "sound": asdict(self.sound) if self.sound else None,
            "true_sound": asdict(self.true_sound) if self.true_sound else None,
            "visemes": asdict(self.visemes),
            "true_visemes": asdict(self.true_visemes),
            "syncnet": asdict(self.syncnet),
            "true_syncnet": asdict(self.true_syncnet),
            "expression": asdict(self.expression),
            "empty": self.reasons,
            "notes": list(self.notes),
            "frames": [asdict(f) for f in self.frames],
        }

    def rows(self) -> list[MetricRow]:
        """The means, line by line, as they are shown on the terminal and on the page."""
        means = self.means
        rows = []
        for label, name, form in _IMAGE_ROWS:
            whole, face, mouth = (_cell(getattr(means[r], name), form) for r in REGIONS)
            rows.append(MetricRow(label, (whole, face, mouth)))
        if self.outline is not None:
            cell = _cell(self.outline, "{:.2f}")
            rows.append(MetricRow(f"PSNR dB, outline ± {REACH} px ↑", (cell, "", "")))
        rows += self._turned_rows()
        for label, name, form in _LIP_ROWS:
            rows.append(MetricRow(label, ("", "", _cell(getattr(self.lips, name), form))))
        for label, sync in (("render", self.sound), ("recording", self.true_sound)):
            cell = f"{sync.correlation:.2f} at {sync.lag:+d}" if sync else None
            rows.append(MetricRow(f"mouth with sound, {label}", ("", "", cell)))
        rows += self._viseme_rows()
        for label, name, form in _SYNC_ROWS:
            own, true = (
                _cell(getattr(scores, name), form) for scores in (self.syncnet, self.true_syncnet)
            )
            cell = own and f"{own} ({true or '–'})"
            rows.append(MetricRow(f"{label} (recording)", (cell, "", "")))
        for label, name, place in _EXPRESSION_ROWS:
            cells: list[str | None] = ["", "", ""]
            cells[place] = _cell(getattr(self.expression, name), "{:.4f}")
            rows.append(MetricRow(label, (cells[0], cells[1], cells[2])))
        return rows

    def _viseme_rows(self) -> list[MetricRow]:
        """Lines about phones and lips."""
        rows = []
        for label, cell in ROWS:
            own, true = cell(self.visemes), cell(self.true_visemes)
            shown = own and f"{own} ({true or '–'})"
            rows.append(MetricRow(f"{label} (recording)", ("", "", shown)))
        return rows

    def _turned_rows(self) -> list[MetricRow]:
        """Lines about poses far from the recorded ones."""
        rows = []
        if frames := self.furthest:
            means = (_mean(f.regions[r] for f in frames).psnr for r in REGIONS)
            whole, face, mouth = (_cell(x, "{:.2f}") for x in means)
            rows.append(MetricRow("PSNR dB, tenth turned furthest ↑", (whole, face, mouth)))
        if self.streaks:
            cell = f"{self.streaks.turned:.0f} ({self.streaks.recorded:.0f})"
            rows.append(MetricRow(f"streaks px, turned {TURN}° (as recorded) ↓", (cell, "", "")))
        return rows


@dataclass(frozen=True)
class Evaluation:
    """A run's scores, its speed, and what they were measured with."""

    reports: dict[str, ScoreReport]
    """By the kind of held-out poses: "tracked", "refined"."""
    speed: Speed
    setup: EvaluationSetup

    def to_json(self) -> str:
        """As `metrics.json` holds it: means, per frame, weights, versions. Empty cells are null."""
        data = {
            "format_version": FORMAT_VERSION,
            **{kind: report.to_dict() for kind, report in self.reports.items()},
            "speed": asdict(self.speed),
            "provenance": asdict(self.setup),
        }
        return json.dumps(data, indent=1, allow_nan=False)


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


_SYNC_ROWS = (
    ("SyncNet confidence ↑", "confidence", "{:.3f}"),
    ("SyncNet distance ↓", "distance", "{:.3f}"),
    ("SyncNet offset frames", "offset", "{:+d}"),
)
_EXPRESSION_ROWS = (("BSE upper ↓", "bse_upper", 1), ("BSE lower ↓", "bse_lower", 2))
"""Blendshape errors, and which of `REGIONS` they belong to."""


def _cell(value: float | int | None, form: str) -> str | None:
    return None if value is None else form.format(value)


def _mean(scores: Iterable[RegionScores]) -> RegionScores:
    rows = list(scores)

    def mean(get: Callable[[RegionScores], float | None]) -> float | None:
        values = [v for v in map(get, rows) if v is not None]
        return float(np.mean(values)) if values else None

    names = (f.name for f in fields(RegionScores))
    return RegionScores(*(mean(lambda s, n=n: getattr(s, n)) for n in names))
