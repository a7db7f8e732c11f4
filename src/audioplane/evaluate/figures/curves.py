"""The curves of a training, read from the run's `events.jsonl`."""

import json
from dataclasses import dataclass
from pathlib import Path

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
        lines = path.read_text().splitlines()
    except OSError:
        return None
    progress: dict[int, dict] = {}
    unseen: dict[int, float] = {}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # the last line of a run that was killed
            continue
        if event.get("event") == "Progress":
            progress[event["iteration"]] = event
        elif event.get("event") == "Validated":
            unseen[event["iteration"]] = event["psnr"]
    if len(progress) < 2:
        return None
    rows = [progress[i] for i in sorted(progress)]
    order = sorted(unseen)
    return TrainingCurves(
        # Runs of earlier versions lack some numbers.
        **{name: np.array([row.get(name, np.nan) for row in rows], float) for name in _PROGRESS},
        unseen_iteration=np.array(order, float),
        unseen_psnr=np.array([unseen[i] for i in order]),
    )
