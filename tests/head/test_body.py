import numpy as np
import pytest
import torch

from audioplane.head import Gaussians
from audioplane.head.body import CELLS, BodyWeights, _Blend, blend_torch, body_motion, follow_body
from audioplane.splat.reference import quat_to_rotation


def view(*numbers: float) -> torch.Tensor:
    """A view matrix by rotation vector and translation."""
    x, y, z, *shift = numbers
    twist = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, :3] = torch.linalg.matrix_exp(twist)
    matrix[:3, 3] = torch.tensor(shift)
    return matrix


HEAD, BODY = view(0.2, -0.3, 0.1, 0.05, 0.02, 1.0), view(-0.1, 0.15, 0.0, 0.02, 0.1, 1.1)


def some_gaussians(n: int = 700, seed: int = 0) -> tuple[Gaussians, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    shapes = ((n, 3), (n, 4), (n, 3), (n,), (n, 4, 3))
    return Gaussians(*(torch.randn(s, generator=g) for s in shapes)), torch.rand(n, generator=g)


def in_camera(matrix: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    return means.double() @ matrix[:3, :3].T + matrix[:3, 3]


def test_a_point_is_between_where_either_frame_puts_it():
    gaussians, weights = some_gaussians()
    moved = follow_body(gaussians, weights, HEAD.float(), BODY.float())
    by_head, by_body = in_camera(HEAD, gaussians.means), in_camera(BODY, gaussians.means)
    expected = by_head + weights[:, None] * (by_body - by_head)
    torch.testing.assert_close(in_camera(HEAD, moved.means), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_at_either_end_it_turns_with_one_frame(weight):
    gaussians, _ = some_gaussians()
    weights = torch.full((len(gaussians),), weight)
    moved = follow_body(gaussians, weights, HEAD.float(), BODY.float())
    before, after = (quat_to_rotation(g.quats).double() for g in (gaussians, moved))
    expected = (BODY if weight else HEAD)[:3, :3] @ before
    torch.testing.assert_close(HEAD[:3, :3] @ after, expected, atol=1e-5, rtol=0)


def test_halfway_it_turns_by_half():
    turned = view(0.0, 0.4, 0.0, 0.0, 0.0, 1.0).float()
    gaussians, _ = some_gaussians(1)
    moved = follow_body(gaussians, torch.tensor([0.5]), torch.eye(4), turned)
    R = quat_to_rotation(moved.quats) @ quat_to_rotation(gaussians.quats).transpose(1, 2)
    assert np.isclose(np.arccos((R[0].trace().item() - 1) / 2), 0.2, atol=1e-3)


def test_equal_views_change_nothing_and_have_finite_gradients():
    gaussians, weights = some_gaussians()
    same = [HEAD.float().requires_grad_() for _ in range(2)]
    moved = follow_body(gaussians, weights, *same)
    torch.testing.assert_close(moved.means, gaussians.means, atol=1e-6, rtol=0)
    torch.testing.assert_close(moved.quats, gaussians.quats, atol=1e-5, rtol=0)
    (moved.means.sum() + moved.quats.sum()).backward()
    assert all(torch.isfinite(x.grad).all() for x in same)


@pytest.mark.parametrize("body", [BODY, HEAD], ids=["turned", "the same"])
def test_the_kernels_are_the_plain_blend_with_its_gradients(body):
    gaussians, weights = some_gaussians()
    pose = body_motion(HEAD.float(), body.float())
    g = torch.Generator().manual_seed(1)
    shares = [torch.randn(x.shape, generator=g) for x in (gaussians.means, gaussians.quats)]
    results = []
    for blend in (_Blend.apply, blend_torch):
        inputs = [
            x.detach().clone().requires_grad_()
            for x in (gaussians.means, gaussians.quats, weights, *pose)
        ]
        out = blend(*inputs)
        torch.autograd.backward(out, shares)
        results.append([*out, *(x.grad for x in inputs)])
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, atol=2e-4, rtol=2e-4)


def test_what_was_changed_in_place_before_the_gradient_is_refused():
    gaussians, weights = some_gaussians()
    pose = body_motion(HEAD.float(), BODY.float())
    for i in range(5):
        inputs = [x.clone() for x in (gaussians.means, gaussians.quats, weights, *pose)]
        moved = _Blend.apply(*(x.requires_grad_() for x in inputs))[0]
        with torch.no_grad():
            inputs[i].mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            moved.sum().backward()


def test_gradients_are_those_of_finite_differences():
    """To both views and to the weights, through `body_motion` and the plain blend in doubles."""
    gaussians, weights = some_gaussians(5)
    fixed = (gaussians.means.double(), gaussians.quats.double())

    def moved(weights, head, body):
        return blend_torch(*fixed, weights, *body_motion(head, body))

    inputs = [x.clone().requires_grad_() for x in (weights.double(), HEAD, BODY)]
    assert torch.autograd.gradcheck(moved, inputs, eps=1e-6, atol=1e-5)


def test_weights_are_smooth_and_read_from_the_grid():
    body = BodyWeights()
    body.low.copy_(torch.tensor([-1.0, -2.0, -3.0]))
    body.high.copy_(torch.tensor([1.0, 2.0, 3.0]))
    with torch.no_grad():
        body.logits.copy_(body.nodes()[..., 1])
    points = torch.tensor([[0.3, -1.7, 2.0], [0.0, 0.4, -1.0], [0.0, 9.0, 0.0]])
    expected = points[:, 1].clamp(-2, 2).sigmoid()
    torch.testing.assert_close(body(points), expected, atol=1e-5, rtol=0)
    body(points).sum().backward()
    assert 8 <= int((body.logits.grad != 0).sum()) <= 3 * 8 < CELLS**3
