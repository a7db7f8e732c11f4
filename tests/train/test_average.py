import torch

from audioplane.train.average import WeightAverage
from tests.head.test_head import make_head


def test_all_count_alike_at_first_and_the_newest_more_later():
    head, average = make_head(), WeightAverage()
    for value in (1.0, 2.0, 6.0):
        head.low.fill_(value)
        average.add(head)
    assert torch.allclose(average.tensors["head/low"], torch.tensor(3.0))
    for _ in range(300):
        head.low.fill_(7.0)
        average.add(head)
    assert torch.allclose(average.tensors["head/low"], torch.tensor(7.0), atol=0.1)


def test_the_head_shows_the_average_and_has_its_own_again():
    head, average = make_head(), WeightAverage()
    with average.shown_by(head):
        assert (head.low == -0.1).all()
    average.add(head)
    head.low.fill_(0.3)
    with torch.no_grad():
        head.gaussians.means.add_(1)
    own = head.gaussians.means.clone()
    with average.shown_by(head):
        assert torch.allclose(head.low, torch.tensor(-0.1))
        assert torch.allclose(head.gaussians.means, own - 1, atol=1e-6)
    assert (head.low == 0.3).all() and torch.equal(head.gaussians.means, own)
