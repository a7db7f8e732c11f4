"""Streaks: thin pieces of a head's outline that show when it is turned beyond its recording.

A Gaussian that no frame showed from the side may be long or lie off the surface; turned, it sticks
out. No recording shows these poses, so only what no head has is counted: parts of the coverage
thinner than a strand of hair is wide.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from audioplane.clock import spread_over
from audioplane.drive import Animator
from audioplane.head import follow_body, splat_head

TURN = 10
"""Degrees of yaw and pitch on either side of a recorded pose."""
FRAMES = 3
"""Recorded poses that are turned: after a quarter, a half, … of the training frames."""
_COVERED = 0.35
"""Coverage from which on a pixel belongs to the head."""
_WIDTH = 7 / 512
"""Of what counts as a streak, image widths."""


@dataclass(frozen=True)
class Streaks:
    """Pixels that belong to streaks, mean over poses."""

    turned: float
    """At the eight poses around each recorded one."""
    recorded: float
    """At the recorded poses: strands of hair, edges of glasses."""


def streak_pixels(coverage: Float[np.ndarray, "h w"]) -> int:
    """Pixels of a coverage, 0 to 1, that a disc of 1/73 of the width (7 px of 512) does not fit
    over: what a morphological opening removes."""
    width = max(3, round(_WIDTH * coverage.shape[1]) | 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    covered = (coverage > _COVERED).astype(np.uint8)
    return int((covered - cv2.morphologyEx(covered, cv2.MORPH_OPEN, disc)).sum())


@torch.no_grad()
def measure_streaks(animator: Animator, codes: Float[Tensor, "t k"]) -> Streaks:
    """Streaks of a head around its recorded poses; `codes` are those of the subject's speech.

    The head turns about its centre, the body stays.
    """
    refs, turned, recorded = animator.refs, [], []
    weights = animator.head.body_weights()
    for index in spread_over(len(refs), FRAMES + 2)[1:-1]:
        ref = refs[index]
        gaussians, dynamism = animator.deformed(codes[ref.feature_row(len(codes))], ref)
        view = animator.view(ref)
        nothing = torch.zeros(3, device=dynamism.device)
        for yaw in (-TURN, 0, TURN):
            for pitch in (-TURN, 0, TURN):
                viewmat = view.viewmat.clone()
                turn = Rotation.from_euler("yx", (yaw, pitch), degrees=True).as_matrix()
                viewmat[:3, :3] = torch.from_numpy(turn).float() @ viewmat[:3, :3]
                placed = follow_body(gaussians, weights, viewmat, view.body)
                at = replace(view, viewmat=viewmat)
                alpha = splat_head(placed, dynamism, at, nothing).alpha.cpu().numpy()
                (turned if yaw or pitch else recorded).append(streak_pixels(alpha))
    return Streaks(float(np.mean(turned)), float(np.mean(recorded)))
