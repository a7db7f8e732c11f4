"""The curves of a training, read from the run's `events.jsonl`."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

_PROGRESS = (
    "iteration",
    "loss",
    "psnr",
    "gaussians",
    "audio_spread",
    "dynamism_mouth",
    "dynamism_face",
)
"""The numbers in events of the kind Progress."""


@dataclass(frozen=True)
class TrainingCurves:
    """Running means by iteration; NaN where the stage has no such number."""

    iteration: Float[np.ndarray, " n"]
    loss: Float[np.ndarray, " n"]
    psnr: Float[np.ndarray, " n"]
    gaussians: Float[np.ndarray, " n"]
    audio_spread: Float[np.ndarray, " n"]
    dynamism_mouth: Float[np.ndarray, " n"]
    dynamism_face: Float[np.ndarray, " n"]
    unseen_iteration: Float[np.ndarray, " v"]
    unseen_psnr: Float[np.ndarray, " v"]
    """On the validation slice of the training frames."""


def read_curves(path: Path) -> TrainingCurves | None:
    """The curves of a run; None where the file is missing or has no iteration.

    Where a run was interrupted and repeated some iterations, the later ones count.
    """
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    progress: dict[float, dict] = {}
    unseen: dict[float, float] = {}
    for event in map(_event, lines):
        iteration, psnr = _number(event.get("iteration")), _number(event.get("psnr"))
        if event.get("event") == "Progress" and math.isfinite(iteration):
            progress[iteration] = event
        elif event.get("event") == "Validated" and math.isfinite(iteration + psnr):
            unseen[iteration] = psnr
    if len(progress) < 2:
        return None
    rows = [progress[i] for i in sorted(progress)]
    order = sorted(unseen)
    return TrainingCurves(
        # Runs of earlier versions lack some numbers.
        **{name: np.array([_number(row.get(name)) for row in rows]) for name in _PROGRESS},
        unseen_iteration=np.array(order, float),
        unseen_psnr=np.array([unseen[i] for i in order]),
    )


def _event(line: str) -> dict[str, Any]:
    """The fields of an event; none of any other line, such as the last of a run that was killed."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _number(value: object) -> float:
    """A number of an event; NaN where there is none."""
    if isinstance(value, int | float) and abs(value) < 1e300:
        return float(value)
    return math.nan
