"""Losses: L1 + D-SSIM (3DGS) and the mask loss (paper, Eq. 9).

Legend: x render, y target, μ local means, σ local (co)variances by a Gaussian window of 11, σ 1.5
(SSIM, Wang et al. 2004).
"""

from typing import no_type_check

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numba import njit, prange
from torch import Tensor

_C1, _C2 = np.float32(0.01**2), np.float32(0.03**2)


def _blur(image: np.ndarray) -> np.ndarray:
    # Zero padding makes the blur its own adjoint, which the gradient relies on.
    return cv2.GaussianBlur(image, (11, 11), 1.5, borderType=cv2.BORDER_CONSTANT)


@njit(cache=True, parallel=True)
@no_type_check
def _ssim_terms(x, y, mx, my, exx, eyy, exy, dm, dxx, dxy):
    """Sum of SSIM by row; dm, dxx, dxy become its derivatives by μx, E[x²], E[xy]."""
    height, columns = x.shape
    sums = np.empty(height, np.float64)
    two = np.float32(2)
    for i in prange(height):
        total = 0.0
        for j in range(columns):
            a, b = mx[i, j], my[i, j]
            a1, b1 = two * a * b + _C1, a * a + b * b + _C1
            a2 = two * (exy[i, j] - a * b) + _C2
            b2 = exx[i, j] - a * a + eyy[i, j] - b * b + _C2
            inverse = np.float32(1) / (b1 * b2)
            s = a1 * a2 * inverse
            total += s
            dm[i, j] = two * (
                b * (a2 - a1) * inverse + s * a * (np.float32(1) / b2 - np.float32(1) / b1)
            )
            dxx[i, j] = -s / b2
            dxy[i, j] = two * a1 * inverse
        sums[i] = total
    return sums.sum()


@njit(cache=True, parallel=True)
@no_type_check
def _products(x, y, xx, yy, xy):
    """Second moments before the blur."""
    height, columns = x.shape
    for i in prange(height):
        for j in range(columns):
            xx[i, j] = x[i, j] * x[i, j]
            yy[i, j] = y[i, j] * y[i, j]
            xy[i, j] = x[i, j] * y[i, j]


@njit(cache=True, parallel=True)
@no_type_check
def _combine(x, y, weight, dm, dxx, dxy, l1_scale, ssim_scale):
    """Turn dm into the gradient of the whole loss; returns the weighted sum of |x − y|."""
    height, columns = x.shape
    sums = np.empty(height, np.float64)
    two = np.float32(2)
    for i in prange(height):
        total = 0.0
        for j in range(columns):
            difference, w = x[i, j] - y[i, j], weight[i, j // 3]
            total += abs(difference) * w
            sign = np.float32(difference > 0) - np.float32(difference < 0)
            ssim = dm[i, j] + two * x[i, j] * dxx[i, j] + y[i, j] * dxy[i, j]
            dm[i, j] = l1_scale * w * sign - ssim_scale * ssim
        sums[i] = total
    return sums.sum()


class _Photometric(torch.autograd.Function):
    @staticmethod
    def forward(ctx, render, target, weight, lambda_dssim):
        x, y = np.ascontiguousarray(render.detach().numpy()), target.numpy()
        shape, flat = x.shape, (x.shape[0], -1)
        maps = [np.empty(shape, np.float32) for _ in range(3)]
        _products(x.reshape(flat), y.reshape(flat), *(m.reshape(flat) for m in maps))
        moments = [_blur(m).reshape(flat) for m in (x, y, *maps)]
        x, y, derivatives = x.reshape(flat), y.reshape(flat), [m.reshape(flat) for m in maps]
        ssim = _ssim_terms(x, y, *moments, *derivatives) / x.size
        dm, dxx, dxy = (_blur(d.reshape(shape)).reshape(flat) for d in derivatives)
        scales = (np.float32((1 - lambda_dssim) / x.size), np.float32(lambda_dssim / x.size))
        l1 = _combine(x, y, weight.numpy(), dm, dxx, dxy, *scales) / x.size
        ctx.gradient = torch.from_numpy(dm.reshape(shape))
        return render.new_tensor((1 - lambda_dssim) * l1 + lambda_dssim * (1 - ssim))

    @staticmethod
    def backward(ctx, *grad_outputs):
        return ctx.gradient * grad_outputs[0], None, None, None


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
    c1, c2 = float(_C1), float(_C2)
    ssim = (2 * mx * my + c1) * (2 * sxy + c2) / ((mx**2 + my**2 + c1) * (sxx + syy + c2))
    l1 = ((x - y).abs() * weight[..., None]).mean()
    return (1 - lambda_dssim) * l1 + lambda_dssim * (1 - ssim.mean())


def mask_loss(g: Float[Tensor, "h w"], m: Float[Tensor, "h w"], margin: float) -> Float[Tensor, ""]:
    """Eq. 9: mean over pixels of max(0, |m − g| − margin)."""
    return ((m - g).abs() - margin).clamp_min(0).mean()


def psnr(render: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"]) -> float:
    """Peak signal-to-noise ratio in dB of pictures from 0 to 1."""
    error = torch.nn.functional.mse_loss(render.detach(), target).item()
    return -10 * float(np.log10(max(error, 1e-10)))
