"""What a driven frame takes from the recording: one frame, or two that pass into one another."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from audioplane.run import Footage
from audioplane.run.torso_shift import mixed, shift, shifted
from audioplane.subject import FrameRef


@dataclass(frozen=True)
class Moment:
    """The recorded frames of one driven frame."""

    ref: FrameRef
    other: FrameRef | None = None
    """During a jump (`run.motion_graph`), the frame on its other side."""
    weight: float = 0.0
    """Of the pose and torso of `other`, 0 to 1."""
    fade: float = 0.0
    """Of its expression."""

    def seen(self, view: Float[np.ndarray, "4 4"]) -> FrameRef:
        """The frame that is more of it, under the view that is shown."""
        near = self.ref if self.other is None or self.weight < 0.5 else self.other
        return replace(near, viewmat=view)


def between(
    one: Float[Tensor, "4 4"], other: Float[Tensor, "4 4"], weight: float
) -> Float[Tensor, "4 4"]:
    """A rigid transform on the way from one to another."""
    start, end = one.double().numpy(), other.double().numpy()
    turn, _ = cv2.Rodrigues(end[:3, :3] @ start[:3, :3].T)  # scipy's takes 25 times as long
    made = np.eye(4)
    made[:3, :3] = cv2.Rodrigues(weight * turn)[0] @ start[:3, :3]
    made[:3, 3] = (1 - weight) * start[:3, 3] + weight * end[:3, 3]
    return torch.from_numpy(made).to(one.dtype)


def torso_between(
    footage: Footage,
    moment: Moment,
    bodies: tuple[Float[Tensor, "4 4"], Float[Tensor, "4 4"]] | None,
) -> UInt8[np.ndarray, "h w 4"] | None:
    """The recorded torso of a moment; None where it is modelled.

    During a jump both torsos are moved to the place between them and faded into one another.

    Args:
        footage: where it is recorded.
        moment: what is shown.
        bodies: views of the body in the two frames of a jump, where it was tracked.
    """
    torso = footage.torso(moment.ref)
    other = None if moment.other is None else footage.torso(moment.other)
    if torso is None or other is None:
        return torso
    matrices = [np.eye(2, 3)] * 2
    if bodies is not None:
        middle = between(*bodies, moment.weight).double().numpy()
        matrices = [shift(body.double().numpy(), middle, footage.K) for body in bodies]
    return mixed(shifted(torso, matrices[0]), shifted(other, matrices[1]), moment.weight)
