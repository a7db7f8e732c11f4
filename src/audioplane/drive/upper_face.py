"""What the upper face of a driven head does: as recorded, at rest, or by a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.clock import ping_pong
from audioplane.errors import ExpressionError
from audioplane.head import BLINK
from audioplane.run import Footage, Run
from audioplane.subject.expression import EYES, LIDS, to_camera
from audioplane.subject.expression_table import read_expression_table


@dataclass(frozen=True)
class FaceOptions:
    """What brows, lids and eyes do while the lips speak; for heads that learned an expression."""

    expression: Literal["recorded", "neutral"] | Path = "recorded"
    """Expression of the upper face: as in the recorded frame that lends the pose; neutral, brows at
    rest; or a file of ARKit's coefficients (docs/expressions.md), played forwards and backwards."""
    gaze: Literal["recorded", "camera"] = "recorded"
    """Where the eyes look: as the expression has it, or at the viewer, however the head turns."""


AS_RECORDED = FaceOptions()


@dataclass(frozen=True)
class UpperFace:
    """Turns the recorded expression of a frame into the one that is shown; `upper_face` makes it.

    Blinks are the recording's unless a table tells its own.
    """

    rest: Float32[np.ndarray, "8"]
    """The person's median expression."""
    changes: Float32[np.ndarray, "t 8"]
    """From `rest`, row after row to and fro."""
    told: Bool[np.ndarray, "8"]
    """Which numbers they tell; the others are the recording's."""
    looks: Float[np.ndarray, "2"] | None = None
    """How the eyes stand to the direction of the camera when they look at it; None where they
    look as recorded."""

    def shown(
        self, recorded: Float[np.ndarray, "8"], index: int, view: Float[np.ndarray, "4 4"]
    ) -> Float32[np.ndarray, "8"]:
        """The expression of frame `index` of a speech.

        Args:
            recorded: that of the frame that lends its pose.
            index: frames since the speech began.
            view: world→camera.
        """
        row = self.changes[ping_pong(index, len(self.changes))]
        numbers = np.where(self.told, self.rest + row, recorded)
        if self.looks is not None:
            numbers[EYES] = to_camera(view[None])[0] + self.looks
        return numbers.astype(np.float32)


def upper_face(run: Run, options: FaceOptions) -> UpperFace | None:
    """The upper face of a head that speaks; None where it is as recorded.

    Raises:
        ExpressionError: The table cannot be read, the gaze is an unknown word, or the head knows
            blinks alone and is asked for more than that.
        SubjectError: The footage lacks its expressions.
    """
    if options.gaze not in ("recorded", "camera"):
        raise ExpressionError(f"gaze={options.gaze!r}: choose recorded or camera")
    if options == AS_RECORDED:
        return None
    if run.head.shape.expression == BLINK:
        if options == FaceOptions("neutral"):
            return None
        raise ExpressionError(
            f"{run.path} knows blinks alone and cannot take {_asked(options)}: train it with "
            "expression='upper-face', or leave that out"
        )
    rest = run.head.expression.range.rest.numpy().astype(np.float32)
    changes, told = np.zeros((1, len(rest)), np.float32), np.zeros(len(rest), bool)
    if options.expression == "neutral":
        told[:] = True
        told[LIDS] = told[EYES] = False
    elif options.expression != "recorded":
        table = read_expression_table(options.expression)
        changes, told = table.changes, table.told
    eyes = _at_camera(run.footage) if options.gaze == "camera" else None
    return UpperFace(rest, changes, told, eyes)


def _asked(options: FaceOptions) -> str:
    if options.expression not in ("recorded", "neutral"):
        return f"expression={str(options.expression)!r}"
    return f"gaze={options.gaze!r}"


def _at_camera(footage: Footage) -> Float[np.ndarray, "2"]:
    """The median of the recorded eyes against the direction of the camera: most of the time people
    look into it, and how their irises are seen differs from one to another."""
    eyes = np.stack([footage.expression(ref)[EYES] for ref in footage.loop])
    return np.median(eyes - to_camera(np.stack([ref.viewmat for ref in footage.loop])), axis=0)
