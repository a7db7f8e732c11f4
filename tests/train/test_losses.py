import numpy as np
import torch

from audioplane.head import Gaussians
from audioplane.train.config import LossWeights
from audioplane.train.losses import ImageLoss, Step, mask_loss, photometric_loss, psnr


def test_eq_9():
    rng = np.random.default_rng(0)
    g, m = rng.random((9, 7)).astype(np.float32), (rng.random((9, 7)) > 0.5).astype(np.float32)
    expected = np.mean([max(0.0, abs(a - b) - 0.2) for a, b in zip(m.flat, g.flat, strict=True)])
    value = mask_loss(torch.from_numpy(g), torch.from_numpy(m), 0.2)
    assert np.isclose(value.item(), expected, atol=1e-6)
    assert mask_loss(torch.full((2, 2), 0.19), torch.zeros(2, 2), 0.2) == 0


def step(fine):
    g = torch.Generator().manual_seed(0)
    image, target = torch.rand(2, 40, 40, 3, generator=g)
    mouth = torch.zeros(40, 40)
    mouth[20:30, 10:30] = 1
    cloud = Gaussians(*(torch.zeros(2, *s) for s in ((3,), (4,), (3,), (), (4, 3))))
    return Step(
        7,
        fine,
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
    own = {"iteration": (0.5, lambda s: s.target.new_tensor(s.iteration))}
    assert torch.allclose(ImageLoss(weights, extra=own)(s), images + mask + 3.5)


def test_psnr_of_a_known_error():
    assert np.isclose(psnr(torch.full((4, 4, 3), 0.6), torch.full((4, 4, 3), 0.5)), 20, atol=1e-4)
