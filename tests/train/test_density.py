import pytest
import torch

from audioplane.head import Gaussians
from audioplane.splat import Splat
from audioplane.train.density import DensityControl, DensityLimits
from audioplane.train.optim import GaussianAdam
from tests.head.test_head import make_head

LIMITS = DensityLimits(gradient=1.0, split_scale=0.02, largest_scale=0.5, opacity=0.01, count=100)


def cloud():
    """0 small, 1 large, 2 calm, 3 invisible, 4 far too large."""
    scales = torch.tensor([0.01, 0.1, 0.1, 0.1, 0.9])
    logits = torch.tensor([0.0, 0.0, 0.0, -10.0, 0.0])
    return Gaussians(
        means=torch.arange(15.0).reshape(5, 3),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(5, 1),
        log_scales=scales.log()[:, None].repeat(1, 3),
        logits=logits,
        sh=torch.zeros(5, 4, 3),
    )


def pulled():
    control = DensityControl(5)
    control.gradient_sum = torch.tensor([4.0, 4.0, 0.5, 4.0, 4.0])
    control.seen = torch.full((5,), 2.0)
    return control


def test_small_is_doubled_large_is_split_unseen_is_removed():
    keep, added = pulled().plan(cloud(), LIMITS, torch.Generator().manual_seed(0))
    assert keep.tolist() == [True, False, True, False, False]
    assert len(added) == 3
    assert torch.equal(added.means[0], cloud().means[0])
    parts = added.means[1:]
    assert (parts - cloud().means[1]).abs().max() < 0.5
    assert not torch.equal(parts[0], parts[1])
    assert torch.allclose(added.log_scales[1:].exp(), torch.tensor(0.1 / 1.6))


def test_never_more_than_the_limit():
    limits = DensityLimits(1.0, 0.02, 0.5, 0.01, count=4)
    keep, added = pulled().plan(cloud(), limits, torch.Generator().manual_seed(0))
    assert int(keep.sum()) + len(added) <= 4


def test_sums_take_the_mean_over_frames_that_see_a_gaussian():
    control = DensityControl(2)
    means2d = torch.zeros(2, 2, requires_grad=True)
    means2d.grad = torch.tensor([[0.3, 0.4], [1.0, 0.0]])
    visible = torch.tensor([True, False])
    splat = Splat(torch.zeros(1, 1, 1), torch.zeros(1, 1), means2d, visible.float(), visible)
    control.observe(splat, (20, 20))
    assert torch.allclose(control.gradient_sum[0], torch.tensor(5.0))
    assert control.seen.tolist() == [1, 0]


@pytest.mark.parametrize("directional", [1.0, 0.05, 0.0])
def test_directional_bases_of_colours_have_a_rate_of_their_own(directional):
    head = make_head(0)
    head.gaussians = cloud()
    adam = GaussianAdam(head, dict.fromkeys(head.gaussians.tensors(), 0.1), directional)
    before = head.gaussians.sh.detach().clone()
    for _ in range(3):
        for tensor in head.gaussians.tensors().values():
            tensor.grad = torch.ones_like(tensor)
        adam.step(0.1)
    moved = before - head.gaussians.sh.detach()
    torch.testing.assert_close(moved[:, :1], torch.full_like(moved[:, :1], 0.3))
    torch.testing.assert_close(moved[:, 1:], torch.full_like(moved[:, 1:], 0.3 * directional))


def test_resizing_keeps_the_moments_of_who_stays():
    head = make_head(0)
    head.gaussians = cloud()
    rates = dict.fromkeys(head.gaussians.tensors(), 0.1)
    adam = GaussianAdam(head, rates)
    for tensor in head.gaussians.tensors().values():
        tensor.grad = torch.ones_like(tensor)
    adam.step(0.1)
    before = adam.state()["means"]["exp_avg"].clone()
    keep = torch.tensor([True, False, True, False, False])
    added = Gaussians(**{k: v.detach()[:1] for k, v in head.gaussians.tensors().items()})
    adam.resize(keep, added)
    after = adam.state()["means"]["exp_avg"]
    gaussians = head.gaussians
    assert len(gaussians) == 3 and after.shape == (3, 3)
    assert torch.equal(after[:2], before[keep])
    assert (after[2] == 0).all()
    assert all(t.requires_grad and t.is_leaf for t in gaussians.tensors().values())
