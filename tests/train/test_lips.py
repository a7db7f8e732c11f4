import numpy as np
import torch

from audioplane.train.lips import LipTargets, lip_loss, tell_lips, upright_mouths


def faces(n=40):
    """A face whose mouth opens, turned and moved across the picture."""
    rng = np.random.default_rng(0)
    face = rng.normal(size=(68, 2)) * 30
    opening = rng.random(n) * 10
    points = np.repeat(face[None], n, 0)
    points[:, 65:68, 1] += opening[:, None]
    angle, shift = rng.normal(size=n) * 0.2, rng.normal(size=(n, 1, 2)) * 20
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1)
    return points @ turn.reshape(n, 2, 2) + shift, opening


def test_upright_mouths_do_not_know_where_the_head_is():
    points, opening = faces()
    mouths = upright_mouths(points)
    assert mouths[:, :17].std(0).max() < 1e-6
    lower = mouths[:, 17:, 1].mean(1)
    assert abs(np.corrcoef(lower, opening)[0, 1]) > 0.999


def test_targets_lie_at_their_rows():
    points, opening = faces()
    rows = np.arange(40) * 2
    targets = LipTargets(points, rows)
    assert targets.known.sum() == 40 and not targets.known[1]
    first = targets.scores[rows, 0].numpy()
    assert abs(np.corrcoef(first, opening)[0, 1]) > 0.999
    assert np.isclose(first.std(), 1, atol=1e-3)


def test_loss_counts_known_rows_only():
    points, _ = faces()
    targets = LipTargets(points, np.arange(40) * 2)
    reader = targets.linear_reader(5)
    codes = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([0, 1, 78])
    expected = targets.scores[[0, 78]].square().mean()
    assert torch.isclose(lip_loss(reader, targets, codes, rows), expected)
    assert lip_loss(reader, targets, codes, torch.tensor([1, 3, 5])) == 0


def test_a_code_is_told_the_lips_that_speech_left_open():
    reader = torch.nn.Linear(12, 3)
    torch.nn.init.orthogonal_(reader.weight)
    code = torch.linspace(-1, 1, 12).requires_grad_()
    shape = torch.tensor([2.0, -1.0, 0.5])
    told = tell_lips(reader, code, shape)
    assert torch.allclose(reader(told), shape, atol=0.05)
    moved = told.detach() - code.detach()
    along = torch.linalg.lstsq(reader.weight.detach().T, moved).solution
    assert torch.allclose(reader.weight.detach().T @ along, moved, atol=1e-5)
    # What the code said of the lips counts no longer, what it says beside them does.
    (gradient,) = torch.autograd.grad((told * torch.linspace(1, 2, 12)).sum(), code)
    assert (reader.weight @ gradient).abs().max() < 0.05 and gradient.norm() > 1


def test_nothing_is_told_by_a_reader_that_reads_nothing():
    points, _ = faces()
    reader = LipTargets(points, np.arange(40)).linear_reader(5)
    code = torch.ones(5)
    assert torch.equal(tell_lips(reader, code, torch.ones(8)), code)
