"""Losses: every equation is a function, `ImageLoss` is their weighted sum, `psnr` a score.

Legend: x render, y target, m mouth mask, g dynamic map (paper, Eq. 8); μ local means, E local
second moments by a Gaussian window of 11, σ 1.5 (SSIM, Wang et al. 2004).

L1 + D-SSIM (3DGS) runs in kernels on the CPU (`ssim_kernels.py`) and in plain PyTorch on a GPU. A
loss of your own is a function of a `Step`, given to training with its weight.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from audioplane.errors import TrainingError
from audioplane.head import Gaussians
from audioplane.perceptual import LPIPS, SMALLEST_SIDE
from audioplane.simd import LANES
from audioplane.train.config import LossWeights
from audioplane.train.lips import LipTargets
from audioplane.train.ssim_kernels import C1, C2, l1_and_dssim

_DRIFT = 0.2
"""Weight of the mean lip error of a run of frames, beside how its frames differ."""
_RADIUS, _SIGMA = 5, 1.5
_BANDS = (0.8, 1.6)
"""Standard deviations of the blurs that bound the bands of texture, pixels."""
_AROUND = 2.5
"""The same of the window in which a band's deviation is taken."""
_MOUTH_MARGIN = 16
"""Around the mouth, so that the blurs do not see an edge, pixels."""
_FLAT = 1e-3
"""Deviation of a band below which a place has no texture, images from 0 to 1."""


class _Photometric(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, render: Tensor, target: Tensor, weight: Tensor, lambda_dssim: float):
        x, y, w = render.detach().numpy(), target.numpy(), weight.numpy()
        height, width = w.shape
        # Planar and in whole vectors, as the rasterizer draws: its backward finds rows in place.
        gradient = np.empty((3, height, -(-width // LANES) * LANES), np.float32)
        scales = (np.float32((1 - lambda_dssim) / x.size), np.float32(lambda_dssim / x.size))
        parts = l1_and_dssim(x, y, w, scales, numba.get_num_threads(), gradient)
        l1, dssim = (part.sum() / x.size for part in parts)
        ctx.gradient = torch.from_numpy(gradient)[:, :, :width].permute(1, 2, 0)
        return render.new_tensor((1 - lambda_dssim) * l1 + lambda_dssim * dssim)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor):
        scale = grad_outputs[0]
        # The trainer's is 1: a pass over the image saved.
        return ctx.gradient if scale == 1 else ctx.gradient * scale, None, None, None


def photometric_loss(
    render: Float[Tensor, "h w 3"],
    target: Float[Tensor, "h w 3"],
    weight: Float[Tensor, "h w"],
    lambda_dssim: float,
) -> Float[Tensor, ""]:
    """(1 − λ)·mean(weight·|x − y|) + λ·(1 − mean SSIM), images from 0 to 1."""
    loss = _Photometric.apply if render.device.type == "cpu" else photometric_torch
    return loss(render, target, weight, lambda_dssim)


def photometric_torch(x: Tensor, y: Tensor, weight: Tensor, lambda_dssim: float) -> Tensor:
    """`photometric_loss` by PyTorch alone, in matrix products.

    A convolution of cuDNN would round to TF32's ten bits, and SSIM takes the difference of E[x²]
    and μ².
    """
    x, y = x.permute(2, 0, 1), y.permute(2, 0, 1)
    height, width = weight.shape
    blur = _blur_matrix(max(height, width), _SIGMA, x)
    moments = torch.stack([x, y, x * x, y * y, x * y])
    mx, my, exx, eyy, exy = blur[:height, :height] @ moments @ blur[:width, :width]
    sxx, syy, sxy = exx - mx * mx, eyy - my * my, exy - mx * my
    ssim = (2 * mx * my + C1) * (2 * sxy + C2) / ((mx**2 + my**2 + C1) * (sxx + syy + C2))
    l1 = ((x - y).abs() * weight).mean()
    return (1 - lambda_dssim) * l1 + lambda_dssim * (1 - ssim.mean())


def _blur_matrix(n: int, sigma: float, like: Tensor) -> Float[Tensor, "n n"]:
    """Symmetric; its product with a row of n pixels blurs it, with zeros beyond the border."""
    radius = round(sigma * _RADIUS / _SIGMA)
    at = torch.arange(n, dtype=like.dtype, device=like.device)
    apart = (at[:, None] - at).abs()
    total = sum(math.exp(-(k**2) / (2 * sigma**2)) for k in range(-radius, radius + 1))
    return torch.exp(apart**2 / (-2 * sigma**2)) / total * (apart <= radius)


def texture_loss(
    render: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], mouth: Float[Tensor, "h w"]
) -> Float[Tensor, ""]:
    """How far the mouth is from being as finely textured as recorded, wherever its details lie.

    L1 of lips and teeth that are a pixel from where they were expected is least for a blur. This
    compares only how much a place deviates: the mean over the image of
    m · |√(μ(b_x²) + ε) − √(μ(b_y²) + ε)|, b two bands of each colour.
    """
    rows, columns = (torch.nonzero(mouth.amax(k))[:, 0] for k in (1, 0))
    if len(rows) == 0:
        return render.new_zeros(())
    top, left = (max(0, int(x[0]) - _MOUTH_MARGIN) for x in (rows, columns))
    bottom, right = (int(x[-1]) + 1 + _MOUTH_MARGIN for x in (rows, columns))
    cut = np.s_[top:bottom, left:right]
    size = max(mouth[cut].shape)
    around, *blurs = (_blur_matrix(size, sigma, render) for sigma in (_AROUND, *_BANDS))
    x, y = (_deviations(image[cut], blurs, around) for image in (render, target))
    return ((x - y).abs() * mouth[cut]).sum() / target.numel()


def _deviations(
    image: Float[Tensor, "h w 3"],
    blurs: Sequence[Float[Tensor, "n n"]],
    around: Float[Tensor, "n n"],
) -> Float[Tensor, "b 3 h w"]:
    """How much each colour of an image deviates around each place, band by band."""
    planes = image.permute(2, 0, 1).contiguous()
    height, width = planes.shape[1:]
    coarser = torch.stack(
        [blur[:height, :height] @ planes @ blur[:width, :width] for blur in blurs]
    )
    bands = torch.cat([planes[None], coarser[:-1]]) - coarser
    squares = around[:height, :height] @ bands.square() @ around[:width, :width]
    return (squares + _FLAT**2).sqrt()


def mask_loss(g: Float[Tensor, "h w"], m: Float[Tensor, "h w"], margin: float) -> Float[Tensor, ""]:
    """Eq. 9: mean over pixels of max(0, |m − g| − margin)."""
    return ((m - g).abs() - margin).clamp_min(0).mean()


def lip_loss(
    reader: nn.Linear, targets: LipTargets, codes: Float[Tensor, "r t d"], rows: Int[Tensor, "r t"]
) -> Float[Tensor, ""]:
    """Mean squared error of the mouth shapes that codes tell, over the frames that have one.

    A smile or a mood keeps lips away from what is said for seconds, so errors of neighbouring
    frames are alike: what a whole run of frames is off by counts less (generalised least squares).
    """
    known = targets.known[rows][..., None]
    error = (reader(codes) - targets.scores[rows]) * known
    count = known.sum(1, keepdim=True).clamp_min(1)
    common = error.sum(1, keepdim=True) / count
    own = (error - common) * known
    squares = own.square().sum() + _DRIFT * (count * common.square()).sum()
    return squares / (error.shape[-1] * known.sum().clamp_min(1))


def psnr(render: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"]) -> float:
    """Peak signal-to-noise ratio in dB of images from 0 to 1."""
    error = torch.nn.functional.mse_loss(render.detach(), target).item()
    return -10 * float(np.log10(max(error, 1e-10)))


@dataclass(frozen=True)
class Step:
    """What is known in one training iteration when its losses are taken.

    Images show the box around the mask, RGB from 0 to 1; whatever is outside has one random colour
    in both. Gradients flow through image, dynamic map, Gaussians and dynamism.
    """

    iteration: int
    fine: bool
    """Whether the audio deforms the head already (the fine stage)."""
    full_size: bool
    """Whether the images have the size of the subject's frames."""
    image: Float[Tensor, "h w 3"]
    """The render x."""
    target: Float[Tensor, "h w 3"]
    """The recorded frame y."""
    dynamic_map: Float[Tensor, "h w"]
    """g; zero in the coarse stage."""
    mouth: Float[Tensor, "h w"]
    """m, 0 or 1."""
    mask: Bool[Tensor, "h w"]
    """Pixels of the head, or of the whole person where the torso is modelled."""
    gaussians: Gaussians
    """As they were rendered: deformed in the fine stage."""
    dynamism: Float[Tensor, " n"]
    """d of each Gaussian."""


LossFunction = Callable[[Step], Float[Tensor, ""]]
ExtraLosses = Mapping[str, tuple[float, LossFunction]]
"""Losses of your own: name → (weight, function of the step)."""


class ImageLoss:
    """The weighted sum of the losses on images.

    Args:
        weights: A loss of weight 0 is not computed, but for L1.
        lpips: Needed where it has a weight.
        extra: Further losses.
        device: Where the images lie.

    Raises `TrainingError` where LPIPS has a weight and was not given.
    """

    def __init__(
        self,
        weights: LossWeights,
        lpips: LPIPS | None = None,
        extra: ExtraLosses | None = None,
        device: torch.device | str = "cpu",
    ):
        if weights.lpips and lpips is None:
            raise TrainingError("the settings ask for LPIPS, and its weights were not given")
        self._weights, self._extra = weights, dict(extra or {})
        self._lpips = lpips.to(device) if lpips is not None and weights.lpips else None

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        """The loss of one iteration."""
        w, pair = self._weights, (step.image, step.target)
        loss = photometric_loss(*pair, 1 + w.mouth * step.mouth, w.dssim)
        if self._lpips is not None and min(step.mouth.shape) >= SMALLEST_SIDE:
            loss = loss + w.lpips * self._lpips(*pair).mean()
        if step.fine and w.mask:
            loss = loss + w.mask * mask_loss(step.dynamic_map, step.mouth, w.margin)
        if step.fine and step.full_size and w.texture:
            loss = loss + w.texture * texture_loss(*pair, step.mouth)
        for weight, function in self._extra.values():
            loss = loss + weight * function(step)
        return loss
