"""Losses: L1 + D-SSIM (3DGS) and the mask loss (paper, Eq. 9).

Legend: x render, y target, μ local means, σ local (co)variances by a Gaussian window of 11, σ 1.5
(SSIM, Wang et al. 2004).
"""

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.splat.simd import LANES
from audioplane.train.ssim_kernels import C1, C2, l1_and_dssim


class _Photometric(torch.autograd.Function):
    @staticmethod
    def forward(ctx, render, target, weight, lambda_dssim):
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
    def backward(ctx, *grad_outputs):
        scale = grad_outputs[0]
        # The trainer's is 1: a pass over the picture saved.
        return ctx.gradient if scale == 1 else ctx.gradient * scale, None, None, None


def photometric_loss(
    render: Float[Tensor, "h w 3"],
    target: Float[Tensor, "h w 3"],
    weight: Float[Tensor, "h w"],
    lambda_dssim: float,
) -> Float[Tensor, ""]:
    """(1 − λ)·mean(weight·|x − y|) + λ·(1 − mean SSIM), pictures from 0 to 1."""
    return _Photometric.apply(render, target, weight, lambda_dssim)


def photometric_reference(
    render: Float[Tensor, "h w 3"],
    target: Float[Tensor, "h w 3"],
    weight: Float[Tensor, "h w"],
    lambda_dssim: float,
) -> Float[Tensor, ""]:
    """The same in plain PyTorch: the oracle of the fast one."""
    offsets = torch.arange(11, dtype=render.dtype, device=render.device) - 5
    window = torch.exp(-(offsets**2) / (2 * 1.5**2))
    window = window / window.sum()
    kernel = (window[:, None] * window[None, :]).expand(3, 1, 11, 11)

    def blur(image: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(
            image.permute(2, 0, 1)[None], kernel, padding=5, groups=3
        )[0]

    x, y = render, target
    mx, my = blur(x), blur(y)
    sxx, syy, sxy = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    ssim = (2 * mx * my + C1) * (2 * sxy + C2) / ((mx**2 + my**2 + C1) * (sxx + syy + C2))
    l1 = ((x - y).abs() * weight[..., None]).mean()
    return (1 - lambda_dssim) * l1 + lambda_dssim * (1 - ssim.mean())


def mask_loss(g: Float[Tensor, "h w"], m: Float[Tensor, "h w"], margin: float) -> Float[Tensor, ""]:
    """Eq. 9: mean over pixels of max(0, |m − g| − margin)."""
    return ((m - g).abs() - margin).clamp_min(0).mean()


def psnr(render: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"]) -> float:
    """Peak signal-to-noise ratio in dB of pictures from 0 to 1."""
    error = torch.nn.functional.mse_loss(render.detach(), target).item()
    return -10 * float(np.log10(max(error, 1e-10)))
