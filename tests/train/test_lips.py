import numpy as np
import torch
from scipy.spatial.transform import Rotation

from audioplane.train.lips import LipTargets, as_unturned, force_lips, upright_mouths
from audioplane.train.losses import lip_loss

STILL = np.tile(np.eye(4), (40, 1, 1))


def faces(n=40):
    """A face whose mouth opens, turned and moved across the image."""
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
    targets = LipTargets(upright_mouths(points), STILL, rows)
    assert targets.known.sum() == 40 and not targets.known[1]
    first = targets.scores[rows, 0].numpy()
    assert abs(np.corrcoef(first, opening)[0, 1]) > 0.999
    assert np.isclose(first.std(), 1, atol=1e-3)


def turned_heads(degrees, n=400):
    views = np.tile(np.eye(4), (n, 1, 1))
    angles = np.random.default_rng(1).normal(size=(n, 3)) * degrees
    views[:, :3, :3] = Rotation.from_rotvec(angles, degrees=True).as_matrix()
    return views, np.radians(angles)


def test_what_turning_does_to_a_mouth_is_no_speech():
    views, angles = turned_heads(8.0)
    speech = np.random.default_rng(2).normal(size=(400, 2))
    shapes = speech + angles @ np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    left = as_unturned(shapes, views) - speech
    assert (shapes - speech).std(0).min() > 0.25
    assert left.std(0).max() < 0.1


def test_a_head_that_hardly_turns_says_little_of_turning():
    views, angles = turned_heads(0.5)
    shapes = angles[:, :1] * 10
    assert np.abs(as_unturned(shapes, views) - shapes).std() < 0.1 * shapes.std()
    still = np.tile(np.eye(4), (400, 1, 1))
    assert np.allclose(as_unturned(shapes, still), shapes)


def test_loss_counts_known_rows_only():
    points, _ = faces()
    targets = LipTargets(upright_mouths(points), STILL, np.arange(40) * 2)
    reader = targets.linear_reader(5)
    codes = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([[0, 1, 78], [1, 3, 5]])
    a, b = targets.scores[[0, 78]]
    expected = ((a - b) / 2).square().mean() + 0.2 * ((a + b) / 2).square().mean()
    assert torch.isclose(lip_loss(reader, targets, codes, rows), expected)
    assert lip_loss(reader, targets, codes[1:], rows[1:]) == 0


def test_a_run_that_is_off_as_a_whole_counts_less_than_one_that_moves_wrongly():
    points, _ = faces()
    targets = LipTargets(upright_mouths(points), STILL, np.arange(40))
    targets.scores = torch.zeros_like(targets.scores)
    reader = torch.nn.Linear(1, 8)
    torch.nn.init.ones_(reader.weight)
    torch.nn.init.zeros_(reader.bias)
    rows = torch.arange(4)[None]
    off = lip_loss(reader, targets, torch.ones(1, 4, 1), rows)
    wrong = lip_loss(reader, targets, torch.tensor([1.0, -1, 1, -1])[None, :, None], rows)
    assert torch.isclose(off, torch.tensor(0.2)) and torch.isclose(wrong, torch.tensor(1.0))


def test_a_code_is_told_the_lips_that_speech_left_open():
    reader = torch.nn.Linear(12, 3)
    torch.nn.init.orthogonal_(reader.weight)
    code = torch.linspace(-1, 1, 12).requires_grad_()
    shape = torch.tensor([2.0, -1.0, 0.5])
    told = force_lips(reader, code, shape)
    assert torch.allclose(reader(told), shape, atol=0.05)
    moved = told.detach() - code.detach()
    along = torch.linalg.lstsq(reader.weight.detach().T, moved).solution
    assert torch.allclose(reader.weight.detach().T @ along, moved, atol=1e-5)
    # What the code said of the lips counts no longer, what it says beside them does.
    (gradient,) = torch.autograd.grad((told * torch.linspace(1, 2, 12)).sum(), code)
    assert (reader.weight @ gradient).abs().max() < 0.05 and gradient.norm() > 1


def test_nothing_is_told_by_a_reader_that_reads_nothing():
    points, _ = faces()
    reader = LipTargets(upright_mouths(points), STILL, np.arange(40)).linear_reader(5)
    code = torch.ones(5)
    assert torch.equal(force_lips(reader, code, torch.ones(8)), code)
