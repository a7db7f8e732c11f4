"""L1 + D-SSIM (3DGS) on any device: kernels on the CPU, plain PyTorch on a GPU.

Legend: x render, y target, μ local means, E local second moments by a Gaussian window of 11, σ 1.5
(SSIM, Wang et al. 2004).
"""

import math

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.splat.simd import LANES
from audioplane.train.ssim_kernels import C1, C2, l1_and_dssim

_RADIUS, _SIGMA = 5, 1.5
_SUM = sum(math.exp(-(k**2) / (2 * _SIGMA**2)) for k in range(-_RADIUS, _RADIUS + 1))


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
    loss = _Photometric.apply if render.device.type == "cpu" else photometric_torch
    return loss(render, target, weight, lambda_dssim)


def photometric_torch(x: Tensor, y: Tensor, weight: Tensor, lambda_dssim: float) -> Tensor:
    """`photometric_loss` by PyTorch alone, in matrix products.

    A convolution of cuDNN would round to TF32's ten bits, and SSIM takes the difference of E[x²]
    and μ².
    """
    x, y = x.permute(2, 0, 1), y.permute(2, 0, 1)
    height, width = weight.shape
    blur = _blur_matrix(max(height, width), x)
    moments = torch.stack([x, y, x * x, y * y, x * y])
    mx, my, exx, eyy, exy = blur[:height, :height] @ moments @ blur[:width, :width]
    sxx, syy, sxy = exx - mx * mx, eyy - my * my, exy - mx * my
    ssim = (2 * mx * my + C1) * (2 * sxy + C2) / ((mx**2 + my**2 + C1) * (sxx + syy + C2))
    l1 = ((x - y).abs() * weight).mean()
    return (1 - lambda_dssim) * l1 + lambda_dssim * (1 - ssim.mean())


def _blur_matrix(n: int, like: Tensor) -> Float[Tensor, "n n"]:
    """Symmetric; its product with a row of n pixels blurs it, with zeros beyond the border."""
    at = torch.arange(n, dtype=like.dtype, device=like.device)
    apart = (at[:, None] - at).abs()
    return torch.exp(apart**2 / (-2 * _SIGMA**2)) / _SUM * (apart <= _RADIUS)
