"""Choice of the head that is kept, on the frames that training never sees."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.clock import spread_over
from audioplane.head import Gaussians
from audioplane.subject import FrameRef
from audioplane.train.frame_loss import FrameLoss
from audioplane.train.frames import FrameStore
from audioplane.train.losses import psnr

_TOLERANCE = 1.25
"""Lips that part where they should not err more than lips that never part: 11 % on a real clip."""
_FEWEST_TO_JUDGE = 50
"""Frames of speech below which an error says more of the frames than of the head."""
MOST = 200
"""Frames that are rendered to judge, evenly spread: all of a clip of three minutes."""


def is_worth_keeping(error: float, least: float, n_frames: int) -> bool:
    """Whether a newer head replaces the kept one, by its error on n validation frames.

    It does unless it is a quarter worse than the best so far. Less than two seconds of unseen
    speech do not judge: a closed mouth there would favour a head that never opens its own.
    """
    return n_frames < _FEWEST_TO_JUDGE or error < _TOLERANCE * least


@torch.no_grad()
def judge(
    spoken: Callable[[FrameRef], tuple[Gaussians, Float[Tensor, " n"]]],
    refs: tuple[FrameRef, ...],
    frames: FrameStore,
    frame_loss: FrameLoss,
) -> tuple[float, float]:
    """Mean absolute error in the mouth's mask (0 to 1) and PSNR (dB) over frames, `MOST` of them.

    `spoken` gives the Gaussians of a frame and their dynamism. Raises `ValueError` where they
    cannot be rendered or an error is not finite.
    """
    errors, qualities = [], []
    for ref in (refs[i] for i in spread_over(len(refs), MOST)):
        # Always full size: errors of different sizes could not be compared.
        frame = frames.get(ref, frame_loss.full_size)
        render, target = frame_loss.render_whole(frame, ref, *spoken(ref))
        mouth = frame_loss.put(frame.mouth if frame.mouth.any() else frame.mask)
        errors.append((render - target).abs()[frame.cut][mouth].mean().item())
        qualities.append(psnr(render, target))
    error = float(np.mean(errors))
    if not math.isfinite(error):
        raise ValueError("the error of the unseen frames")
    return error, float(np.mean(qualities))
