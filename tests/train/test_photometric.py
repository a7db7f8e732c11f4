"""The kernels and PyTorch's way against the formula."""

import math

import numba
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from audioplane.train.losses import _Photometric, photometric_loss, photometric_torch
from audioplane.train.ssim_kernels import C1, C2
from tests.gpu import gpu, stand_in

SIZES = [(40, 50), (45, 37), (16, 8), (3, 50), (50, 3), (3, 17), (1, 1)]
"""Heights and widths: some smaller than the window, most no whole number of vectors or bands."""


def _images(seed: int, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Render and target, alike or not and flat or not by the seed, and weights."""
    g = torch.Generator().manual_seed(seed)
    y, noise = torch.rand(*size, 3, generator=g), torch.rand(*size, 3, generator=g)
    x = y + 0.05 * noise if seed % 2 else noise
    if seed % 3:
        x, y = 0.8 + 0.02 * x, 0.8 + 0.02 * y
    return x, y, torch.rand(*size, generator=g) * 3


def _reference(
    render: Tensor,
    target: Tensor,
    weight: Tensor,
    lambda_dssim: float,
) -> Tensor:
    """The formula by convolutions: the oracle."""
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


def _loss_and_gradient(loss, x, *others) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    value = loss(x, *others)
    return value.detach(), torch.autograd.grad(value, x)[0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(SIZES), st.sampled_from([0.0, 0.2, 1.0]))
def test_fast_loss_and_gradient_match_pytorch(seed, size, share):
    images = _images(seed, size)
    fast, gradient = _loss_and_gradient(photometric_loss, *images, share)
    doubles = (p.double() for p in images)
    exact, expected = _loss_and_gradient(_reference, *doubles, share)
    assert torch.isclose(fast.double(), exact, rtol=1e-5, atol=1e-6)
    assert (gradient - expected).norm() < 1e-4 * expected.norm() + 1e-7


def _as_rendered(image: Tensor) -> Tensor:
    """The same numbers laid out as the rasterizer's image: planar, padded, of four channels."""
    height, width, _ = image.shape
    planar = torch.full((4, height, -(-width // 8) * 8), math.nan)
    planar[:3, :, :width] = image.permute(2, 0, 1)
    return planar[:, :, :width].permute(1, 2, 0)[..., :3]


def test_layout_of_the_images_does_not_matter():
    x, y, weight = _images(1, (45, 37))
    plain = _loss_and_gradient(photometric_loss, x, y, weight, 0.2)
    laid_out = _loss_and_gradient(photometric_loss, _as_rendered(x), _as_rendered(y), weight, 0.2)
    assert all(torch.equal(a, b) for a, b in zip(plain, laid_out, strict=True))


def test_number_of_threads_does_not_matter():
    images = _images(1, (70, 33))
    before = numba.get_num_threads()
    try:
        results = []
        for threads in {1, before}:
            numba.set_num_threads(threads)
            results.append(_loss_and_gradient(photometric_loss, *images, 0.2))
    finally:
        numba.set_num_threads(before)
    for value, gradient in results[1:]:
        assert torch.equal(value, results[0][0]) and torch.equal(gradient, results[0][1])


def test_gradients_scale_and_add_up():
    x, y, weight = _images(0, (20, 20))
    _, gradient = _loss_and_gradient(photometric_loss, x, y, weight, 0.2)
    x.requires_grad_()
    loss = photometric_loss(x, y, weight, 0.2)
    loss.backward(retain_graph=True)
    (2 * loss).backward()
    assert x.grad is not None and torch.allclose(x.grad, 3 * gradient)


def test_image_that_is_not_finite_shows():
    x, y, weight = _images(0, (20, 20))
    x[7, 7, 1] = math.nan
    assert photometric_loss(x, y, weight, 0.2).isnan()


def test_loss_of_the_same_image_is_zero():
    x = torch.rand(20, 20, 3, generator=torch.Generator().manual_seed(0))
    assert photometric_loss(x, x, torch.ones(20, 20), 0.2).item() < 1e-6


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_pytorchs_way_matches_kernels_and_reference(seed, size):
    images = _images(seed, size)
    plain, gradient = _loss_and_gradient(photometric_torch, *images, 0.2)
    fast, _ = _loss_and_gradient(photometric_loss, *images, 0.2)
    exact, expected = _loss_and_gradient(_reference, *(p.double() for p in images), 0.2)
    assert torch.isclose(plain, fast, rtol=1e-5, atol=1e-6)
    assert torch.isclose(plain.double(), exact, rtol=1e-5, atol=1e-6)
    assert (gradient - expected).norm() < 2e-4 * expected.norm() + 1e-7


def test_the_cpu_takes_the_kernels_and_a_gpu_pytorch():
    images = _images(1, (40, 50))
    assert torch.equal(photometric_loss(*images, 0.2), _Photometric.apply(*images, 0.2))
    with stand_in() as device:
        there = photometric_loss(*(p.to(device) for p in images), 0.2).cpu()
    assert torch.equal(there, photometric_torch(*images, 0.2))


@gpu
def test_a_real_gpu_rounds_no_more_than_the_cpu():
    images = _images(3, (300, 401))
    there, gradient = _loss_and_gradient(photometric_loss, *(p.cuda() for p in images), 0.2)
    here, expected = _loss_and_gradient(photometric_loss, *images, 0.2)
    assert torch.isclose(there.cpu(), here, rtol=1e-5, atol=1e-6)
    assert (gradient.cpu() - expected).norm() < 1e-3 * expected.norm()
