import math

import numba
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from audioplane.train.losses import mask_loss, photometric_loss, photometric_reference, psnr

SIZES = [(40, 50), (45, 37), (16, 8), (3, 50), (50, 3), (3, 17), (1, 1)]
"""Heights and widths: some smaller than the window, most no whole number of vectors or bands."""


def _pictures(seed: int, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Render and target, alike or not and flat or not by the seed, and weights."""
    g = torch.Generator().manual_seed(seed)
    y, noise = torch.rand(*size, 3, generator=g), torch.rand(*size, 3, generator=g)
    x = y + 0.05 * noise if seed % 2 else noise
    if seed % 3:
        x, y = 0.8 + 0.02 * x, 0.8 + 0.02 * y
    return x, y, torch.rand(*size, generator=g) * 3


def _loss_and_gradient(loss, x, *others) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    value = loss(x, *others)
    return value.detach(), torch.autograd.grad(value, x)[0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(SIZES), st.sampled_from([0.0, 0.2, 1.0]))
def test_fast_loss_and_gradient_match_pytorch(seed, size, share):
    pictures = _pictures(seed, size)
    fast, gradient = _loss_and_gradient(photometric_loss, *pictures, share)
    doubles = (p.double() for p in pictures)
    exact, expected = _loss_and_gradient(photometric_reference, *doubles, share)
    assert torch.isclose(fast.double(), exact, rtol=1e-5, atol=1e-6)
    assert (gradient - expected).norm() < 1e-4 * expected.norm() + 1e-7


def _as_rendered(picture: Tensor) -> Tensor:
    """The same numbers laid out as the rasterizer's image: planar, padded, of four channels."""
    height, width, _ = picture.shape
    planar = torch.full((4, height, -(-width // 8) * 8), math.nan)
    planar[:3, :, :width] = picture.permute(2, 0, 1)
    return planar[:, :, :width].permute(1, 2, 0)[..., :3]


def test_layout_of_the_pictures_does_not_matter():
    x, y, weight = _pictures(1, (45, 37))
    plain = _loss_and_gradient(photometric_loss, x, y, weight, 0.2)
    laid_out = _loss_and_gradient(photometric_loss, _as_rendered(x), _as_rendered(y), weight, 0.2)
    assert all(torch.equal(a, b) for a, b in zip(plain, laid_out, strict=True))


def test_number_of_threads_does_not_matter():
    pictures = _pictures(1, (70, 33))
    before = numba.get_num_threads()
    try:
        results = []
        for threads in {1, before}:
            numba.set_num_threads(threads)
            results.append(_loss_and_gradient(photometric_loss, *pictures, 0.2))
    finally:
        numba.set_num_threads(before)
    for value, gradient in results[1:]:
        assert torch.equal(value, results[0][0]) and torch.equal(gradient, results[0][1])


def test_gradients_scale_and_add_up():
    x, y, weight = _pictures(0, (20, 20))
    _, gradient = _loss_and_gradient(photometric_loss, x, y, weight, 0.2)
    x.requires_grad_()
    loss = photometric_loss(x, y, weight, 0.2)
    loss.backward(retain_graph=True)
    (2 * loss).backward()
    assert x.grad is not None and torch.allclose(x.grad, 3 * gradient)


def test_picture_that_is_not_finite_shows():
    x, y, weight = _pictures(0, (20, 20))
    x[7, 7, 1] = math.nan
    assert photometric_loss(x, y, weight, 0.2).isnan()


def test_loss_of_the_same_picture_is_zero():
    x = torch.rand(20, 20, 3, generator=torch.Generator().manual_seed(0))
    assert photometric_loss(x, x, torch.ones(20, 20), 0.2).item() < 1e-6


def test_eq_9():
    rng = np.random.default_rng(0)
    g, m = rng.random((9, 7)).astype(np.float32), (rng.random((9, 7)) > 0.5).astype(np.float32)
    expected = np.mean([max(0.0, abs(a - b) - 0.2) for a, b in zip(m.flat, g.flat, strict=True)])
    value = mask_loss(torch.from_numpy(g), torch.from_numpy(m), 0.2)
    assert np.isclose(value.item(), expected, atol=1e-6)
    assert mask_loss(torch.full((2, 2), 0.19), torch.zeros(2, 2), 0.2) == 0


def test_psnr_of_a_known_error():
    assert np.isclose(psnr(torch.full((4, 4, 3), 0.6), torch.full((4, 4, 3), 0.5)), 20, atol=1e-4)
