"""Everything that `audioplane evaluate` finds out about a run, and `metrics.json`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from audioplane.errors import MediaError
from audioplane.evaluate.provenance import Provenance
from audioplane.evaluate.report import EvaluationReport
from audioplane.evaluate.speed import Speed

FORMAT_VERSION = 2
"""Of `metrics.json`; 1 was one file for each kind of poses."""


@dataclass(frozen=True)
class Evaluation:
    """A run's scores, how fast it is, and where the figures come from."""

    reports: dict[str, EvaluationReport]
    """By the kind of held-out poses: "tracked", "refined"."""
    speed: Speed
    provenance: Provenance

    def to_json(self) -> str:
        """As text: means, per frame, weights, versions. Empty cells are null."""
        data = {
            "format_version": FORMAT_VERSION,
            **{kind: report.to_dict() for kind, report in self.reports.items()},
            "speed": asdict(self.speed),
            "provenance": asdict(self.provenance),
        }
        return json.dumps(data, indent=1, allow_nan=False)


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name and rename it. Raises `MediaError` if it cannot be."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as e:
        partial.unlink(missing_ok=True)
        raise MediaError(f"{path} cannot be written: {e.strerror}") from e
