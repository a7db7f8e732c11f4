import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.train.losses import mask_loss, photometric_loss, photometric_reference, psnr


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), size=st.sampled_from([(40, 50), (3, 17), (1, 1)]))
def test_fast_loss_and_gradient_match_pytorch(seed, size):
    g = torch.Generator().manual_seed(seed)
    y, weight = torch.rand(*size, 3, generator=g), torch.rand(*size, generator=g) * 3
    x = torch.rand(*size, 3, generator=g, requires_grad=True)
    z = x.detach().double().requires_grad_()
    fast = photometric_loss(x, y, weight, 0.2)
    exact = photometric_reference(z, y.double(), weight.double(), 0.2)
    (3 * fast).backward()
    (3 * exact).backward()
    assert torch.isclose(fast.double(), exact, rtol=1e-4)
    assert (x.grad.double() - z.grad).norm() < 1e-3 * z.grad.norm() + 1e-7


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
