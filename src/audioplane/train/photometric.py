"""L1 + D-SSIM on any device: kernels on the CPU, plain PyTorch on a GPU.

Legend: x render, y target, μ local means, E local second moments by a Gaussian window of 11, σ 1.5
(SSIM, Wang et al. 2004).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.train.losses import photometric_loss
from audioplane.train.ssim_kernels import C1, C2

_RADIUS, _SIGMA = 5, 1.5
_SUM = sum(math.exp(-(k**2) / (2 * _SIGMA**2)) for k in range(-_RADIUS, _RADIUS + 1))


def l1_and_dssim(
    render: Float[Tensor, "h w 3"],
    target: Float[Tensor, "h w 3"],
    weight: Float[Tensor, "h w"],
    lambda_dssim: float,
) -> Float[Tensor, ""]:
    """(1 − λ)·mean(weight·|x − y|) + λ·(1 − mean SSIM), pictures from 0 to 1."""
    loss = photometric_loss if render.device.type == "cpu" else photometric_torch
    return loss(render, target, weight, lambda_dssim)


def photometric_torch(
    render: Float[Tensor, "h w 3"],
    target: Float[Tensor, "h w 3"],
    weight: Float[Tensor, "h w"],
    lambda_dssim: float,
) -> Float[Tensor, ""]:
    """`l1_and_dssim` on any device, by matrix products.

    A convolution of cuDNN would round to TF32's ten bits, and SSIM takes the difference of E[x²]
    and μ².
    """
    x, y = render.permute(2, 0, 1), target.permute(2, 0, 1)
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
