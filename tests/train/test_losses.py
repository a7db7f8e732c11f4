import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from audioplane.head import Gaussians
from audioplane.train.config import LossWeights
from audioplane.train.losses import (
    ImageLoss,
    Step,
    mask_loss,
    photometric_loss,
    psnr,
    texture_loss,
)


def test_eq_9():
    rng = np.random.default_rng(0)
    g, m = rng.random((9, 7)).astype(np.float32), (rng.random((9, 7)) > 0.5).astype(np.float32)
    expected = np.mean([max(0.0, abs(a - b) - 0.2) for a, b in zip(m.flat, g.flat, strict=True)])
    value = mask_loss(torch.from_numpy(g), torch.from_numpy(m), 0.2)
    assert np.isclose(value.item(), expected, atol=1e-6)
    assert mask_loss(torch.full((2, 2), 0.19), torch.zeros(2, 2), 0.2) == 0


def step(fine, full_size=True):
    g = torch.Generator().manual_seed(0)
    image, target = torch.rand(2, 40, 40, 3, generator=g)
    mouth = torch.zeros(40, 40)
    mouth[20:30, 10:30] = 1
    cloud = Gaussians(*(torch.zeros(2, *s) for s in ((3,), (4,), (3,), (), (4, 3))))
    return Step(
        7,
        fine,
        full_size,
        image,
        target,
        torch.rand(40, 40, generator=g),
        mouth,
        mouth > -1,
        cloud,
        torch.ones(2),
    )


def test_the_loss_is_the_weighted_sum_of_its_terms():
    weights, s = LossWeights(dssim=0.3, mask=0.7, margin=0.1, mouth=1.5), step(True)
    images = photometric_loss(s.image, s.target, 1 + 1.5 * s.mouth, 0.3)
    mask = 0.7 * mask_loss(s.dynamic_map, s.mouth, 0.1)
    assert torch.allclose(ImageLoss(weights)(s), images + mask)
    assert torch.allclose(ImageLoss(weights)(step(False)), images)
    textured = LossWeights(dssim=0.3, mask=0.0, mouth=1.5, texture=2.0)
    texture = 2 * texture_loss(s.image, s.target, s.mouth)
    assert torch.allclose(ImageLoss(textured)(s), images + texture)
    for other in (step(False), step(True, full_size=False)):
        assert torch.allclose(ImageLoss(textured)(other), images)
    own = {"iteration": (0.5, lambda s: s.target.new_tensor(s.iteration))}
    assert torch.allclose(ImageLoss(weights, extra=own)(s), images + mask + 3.5)


def test_psnr_of_a_known_error():
    assert np.isclose(psnr(torch.full((4, 4, 3), 0.6), torch.full((4, 4, 3), 0.5)), 20, atol=1e-4)


def textured(n=80):
    """Two images of grain of the same kind, and a mouth in their middle."""
    grain = torch.randn(2, n, n, 3, generator=torch.Generator().manual_seed(1))
    mouth = torch.zeros(n, n)
    mouth[n // 3 : 2 * n // 3, n // 4 : 3 * n // 4] = 1
    return 0.5 + 0.1 * grain, mouth


def blurred(image, sigma, radius):
    return gaussian_filter(image, sigma, mode="constant", radius=radius, axes=(0, 1))


def test_the_texture_loss_against_scipy():
    (x, y), mouth = textured()
    expected = 0.0
    images = finer = [i.numpy() for i in (x, y)]
    for sigma, radius in ((0.8, 3), (1.6, 5)):
        coarser = [blurred(i, sigma, radius) for i in images]
        deviation = [
            np.sqrt(blurred((a - b) ** 2, 2.5, 8) + 1e-6)
            for a, b in zip(finer, coarser, strict=True)
        ]
        expected += (np.abs(deviation[0] - deviation[1]) * mouth.numpy()[..., None]).mean()
        finer = coarser
    assert np.isclose(texture_loss(x, y, mouth).item(), expected, rtol=1e-4)


def test_details_may_lie_elsewhere_but_not_be_blurred():
    (x, other), mouth = textured()
    soft = torch.from_numpy(blurred(x.numpy(), 1.5, 5))
    moved = x.roll((1, 1), (0, 1))
    lost = texture_loss(soft, x, mouth)
    for like in (moved, other):
        assert texture_loss(like, x, mouth) < 0.3 * lost
        assert (like - x).abs().mean() > (soft - x).abs().mean()  # L1 sees it the other way round
    assert texture_loss(x, x, mouth) == 0
    assert texture_loss(soft, x, torch.zeros_like(mouth)) == 0


def test_the_gradient_of_the_texture_loss():
    (x, y), mouth = (i[..., 28:52, 28:52, :].double() for i in textured()[0]), torch.ones(24, 24)
    small = texture_loss(x, y, mouth.double())
    assert small > 0
    assert torch.autograd.gradcheck(
        lambda i: texture_loss(i, y, mouth.double()), x.clone().requires_grad_(), fast_mode=True
    )
