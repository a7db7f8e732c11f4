import torch

from audioplane.train.optim import Ema
from tests.head.test_head import make_head


def test_all_count_alike_at_first_and_the_newest_more_later():
    head, ema = make_head(), Ema()
    lines = head.grid.lines.data
    for value in (1.0, 2.0, 6.0):
        lines.fill_(value)
        ema.add(head)
    assert torch.allclose(ema.tensors["head/grid.lines"], torch.tensor(3.0))
    for _ in range(300):
        lines.fill_(7.0)
        ema.add(head)
    assert torch.allclose(ema.tensors["head/grid.lines"], torch.tensor(7.0), atol=0.1)


def test_the_head_has_the_ema_and_then_its_own_weights_again():
    head, ema = make_head(), Ema()
    lines = head.grid.lines.data
    with ema.applied_to(head):
        assert (lines == 1).all()
    ema.add(head)
    lines.fill_(0.3)
    with torch.no_grad():
        head.gaussians.means.add_(1)
    own = head.gaussians.means.clone()
    with ema.applied_to(head):
        assert (lines == 1).all()
        assert torch.allclose(head.gaussians.means, own - 1, atol=1e-6)
        head.encoder.mean.fill_(5)
    assert (lines == 0.3).all() and torch.equal(head.gaussians.means, own)
    # Statistics are none of the weights: what was measured meanwhile stays.
    assert (head.encoder.mean == 5).all()
