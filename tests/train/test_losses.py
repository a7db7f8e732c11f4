import numpy as np
import torch

from audioplane.train.losses import mask_loss, psnr, still_loss


def test_eq_9():
    rng = np.random.default_rng(0)
    g, m = rng.random((9, 7)).astype(np.float32), (rng.random((9, 7)) > 0.5).astype(np.float32)
    expected = np.mean([max(0.0, abs(a - b) - 0.2) for a, b in zip(m.flat, g.flat, strict=True)])
    value = mask_loss(torch.from_numpy(g), torch.from_numpy(m), 0.2)
    assert np.isclose(value.item(), expected, atol=1e-6)
    assert mask_loss(torch.full((2, 2), 0.19), torch.zeros(2, 2), 0.2) == 0


def test_what_should_stand_still_counts_below_the_margin_and_the_mouth_does_not():
    g, m = torch.tensor([[0.1, 0.9], [0.3, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    assert np.isclose(still_loss(g, m).item(), 0.1)


def test_psnr_of_a_known_error():
    assert np.isclose(psnr(torch.full((4, 4, 3), 0.6), torch.full((4, 4, 3), 0.5)), 20, atol=1e-4)
