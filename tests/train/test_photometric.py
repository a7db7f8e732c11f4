import pytest
import torch

from audioplane.train.losses import photometric_loss, photometric_reference
from audioplane.train.photometric import l1_and_dssim, photometric_torch
from tests.gpu import gpu, stand_in
from tests.train.test_losses import SIZES, _loss_and_gradient, _pictures


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_pytorchs_way_matches_kernels_and_reference(seed, size):
    pictures = _pictures(seed, size)
    plain, gradient = _loss_and_gradient(photometric_torch, *pictures, 0.2)
    fast, _ = _loss_and_gradient(photometric_loss, *pictures, 0.2)
    exact, expected = _loss_and_gradient(
        photometric_reference, *(p.double() for p in pictures), 0.2
    )
    assert torch.isclose(plain, fast, rtol=1e-5, atol=1e-6)
    assert torch.isclose(plain.double(), exact, rtol=1e-5, atol=1e-6)
    assert (gradient - expected).norm() < 2e-4 * expected.norm() + 1e-7


def test_the_cpu_takes_the_kernels_and_a_gpu_pytorch():
    pictures = _pictures(1, (40, 50))
    assert torch.equal(l1_and_dssim(*pictures, 0.2), photometric_loss(*pictures, 0.2))
    with stand_in() as device:
        there = l1_and_dssim(*(p.to(device) for p in pictures), 0.2).cpu()
    assert torch.equal(there, photometric_torch(*pictures, 0.2))


@gpu
def test_a_real_gpu_rounds_no_more_than_the_cpu():
    pictures = _pictures(3, (300, 401))
    there, gradient = _loss_and_gradient(l1_and_dssim, *(p.cuda() for p in pictures), 0.2)
    here, expected = _loss_and_gradient(photometric_loss, *pictures, 0.2)
    assert torch.isclose(there.cpu(), here, rtol=1e-5, atol=1e-6)
    assert (gradient.cpu() - expected).norm() < 1e-3 * expected.norm()
