import torch

from audioplane.train.row_adam import RowAdam


def test_touched_rows_move_as_adam_moves_them():
    g = torch.Generator().manual_seed(0)
    start = torch.randn(5, 16, generator=g)
    table = start.clone().requires_grad_()
    table.grad = torch.zeros_like(table)
    touched = torch.zeros(5, dtype=torch.uint8)
    ours = RowAdam(table, touched)
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
        return RowAdam(table, torch.ones(3, dtype=torch.uint8))

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
