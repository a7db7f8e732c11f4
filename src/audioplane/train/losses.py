"""The mask loss (paper, Eq. 9) and PSNR."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def mask_loss(g: Float[Tensor, "h w"], m: Float[Tensor, "h w"], margin: float) -> Float[Tensor, ""]:
    """Eq. 9: mean over pixels of max(0, |m − g| − margin)."""
    return ((m - g).abs() - margin).clamp_min(0).mean()


def still_loss(g: Float[Tensor, "h w"], m: Float[Tensor, "h w"]) -> Float[Tensor, ""]:
    """Mean over pixels of g outside the mouth mask."""
    return ((1 - m) * g).mean()


def psnr(render: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"]) -> float:
    """Peak signal-to-noise ratio in dB of pictures from 0 to 1."""
    error = torch.nn.functional.mse_loss(render.detach(), target).item()
    return -10 * float(np.log10(max(error, 1e-10)))
