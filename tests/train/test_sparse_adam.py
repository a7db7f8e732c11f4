import numpy as np
import pytest
import torch

from audioplane.train.optim import SparseAdam, _step, _step_torch


def test_touched_rows_move_as_adam_moves_them():
    g = torch.Generator().manual_seed(0)
    start = torch.randn(5, 16, generator=g)
    table = start.clone().requires_grad_()
    table.grad = torch.zeros_like(table)
    touched = torch.zeros(5, dtype=torch.uint8)
    ours = SparseAdam(table, touched)
    other = torch.nn.Parameter(start.clone())
    adam = torch.optim.Adam([other], lr=0.01, eps=1e-15)
    for _ in range(4):
        gradient = torch.randn(5, 16, generator=g)
        gradient[3:] = 0
        table.grad.copy_(gradient)
        touched[:3] = 1
        other.grad = gradient.clone()
        ours.step(0.01)
        adam.step()
    assert torch.allclose(table[:3], other[:3], atol=1e-6)
    assert torch.equal(table[3:], start[3:])
    assert not touched.any() and not table.grad.any()


def test_state_goes_on():
    def make():
        table = torch.ones(3, 4).requires_grad_()
        table.grad = torch.zeros_like(table)
        return SparseAdam(table, torch.ones(3, dtype=torch.uint8))

    a, b = make(), make()
    for adam in (a, b):
        adam.table.grad.fill_(0.5)
        adam.step(0.1)
    c = make()
    with torch.no_grad():
        c.table.copy_(b.table)
    c.load(b.state())
    for adam in (a, c):
        adam.touched.fill_(1)
        adam.table.grad.fill_(-2.0)
        adam.step(0.1)
    assert torch.equal(a.table, c.table)


def _by_kernels(*arguments):
    _step(*(x.numpy() if isinstance(x, torch.Tensor) else x for x in arguments))


def test_pytorchs_way_is_the_kernels():
    g = torch.Generator().manual_seed(1)
    start = torch.randn(50, 16, generator=g)
    fast, plain = ([start.clone(), *torch.zeros(2, 50, 16)] for _ in range(2))
    for step in range(1, 8):
        touched = (torch.rand(50, generator=g) < 0.4).to(torch.uint8)
        gradient = torch.randn(50, 16, generator=g) * touched[:, None]
        gradient[::3] = 0  # a marked row moves without a gradient too
        scalars = np.float32(0.01 / (1 - 0.9**step)), np.float32(1 / (1 - 0.999**step))
        before = [x.clone() for x in plain]
        for (table, *moments), run in ((fast, _by_kernels), (plain, _step_torch)):
            given, marks = gradient.clone(), touched.clone()
            run(table, given, marks, *moments, *scalars)
            assert not given.any() and not marks.any()
        for ours, theirs, old in zip(plain, fast, before, strict=True):
            assert torch.allclose(ours, theirs, atol=1e-6)
            assert torch.equal(ours[touched == 0], old[touched == 0])
    assert not torch.allclose(plain[0], start, atol=1e-2)


def test_rows_with_a_gradient_need_no_mark():
    table, first, second = torch.ones(3, 4), torch.zeros(3, 4), torch.zeros(3, 4)
    gradient, marks = torch.zeros(3, 4), torch.zeros(3, dtype=torch.uint8)
    gradient[1, 2] = -0.5
    _step_torch(table, gradient, marks, first, second, np.float32(0.1), np.float32(1))
    assert table[1].tolist() == pytest.approx([1, 1, 1 + 0.1 * 0.1 / 0.001**0.5, 1], rel=1e-4)
    assert (table[[0, 2]] == 1).all() and not first[[0, 2]].any() and not second[[0, 2]].any()
