"""The result of a comparison: videos of any system, aligned with one ground truth and scored."""

from dataclasses import dataclass

from audioplane.evaluate.report import ScoreReport
from audioplane.evaluate.syncnet import SyncScores
from audioplane.experiments.compare.align import Alignment
from audioplane.experiments.compare.pair import Example
from audioplane.experiments.compare.published import Published
from audioplane.experiments.compare.scan import Scan


@dataclass(frozen=True)
class Entry:
    """One video, aligned and scored."""

    name: str
    scan: Scan
    alignment: Alignment
    report: ScoreReport
    examples: tuple[Example, ...]
    published: Published | None
    """The paper's figures for a method of this name."""


@dataclass(frozen=True)
class Comparison:
    """All videos against their ground truth."""

    truth: Scan
    first: int
    """First frame of the truth that was scored."""
    last: int
    """The frame behind the last."""
    syncnet: SyncScores
    """Of the truth."""
    entries: tuple[Entry, ...]
    failed: dict[str, str]
    """Why a video was not scored, by its name."""
