"""Eq. 7 and the two networks against plain re-computations."""

import torch

from audioplane.head.deformation import (
    MEAN_UNIT,
    DeformationField,
    apply_deformation,
    read_delta,
)
from audioplane.head.gaussians import Gaussians


def gaussians(n):
    g = torch.Generator().manual_seed(0)
    return Gaussians(*(torch.randn(n, *s, generator=g) for s in ((3,), (4,), (3,), (), (4, 3))))


def test_the_folded_first_layer_is_the_plain_one():
    torch.manual_seed(0)
    field = DeformationField(192)
    torch.nn.init.normal_(field.output.weight)
    S, code = torch.randn(20, 192), torch.randn(192)
    rows, d = field(S, code)
    f = S * code
    assert torch.allclose(rows, field.rest(field.first(f)), atol=1e-5)
    expected = field.dynamism_rest(field.dynamism_first(f))[:, 0].sigmoid()
    assert torch.allclose(d, expected, atol=1e-6)


def test_a_new_field_deforms_nothing():
    rows, d = DeformationField(192)(torch.randn(5, 192), torch.randn(192))
    assert (rows == 0).all() and rows.shape == (5, 23)
    assert ((d > 0) & (d < 1)).all()


def test_eq_7_moves_only_the_chosen():
    before = gaussians(6)
    index, d = torch.tensor([1, 4]), torch.tensor([0.5, 0.1])
    rows = torch.randn(2, 23, generator=torch.Generator().manual_seed(1))
    delta = read_delta(rows)
    after = apply_deformation(before, index, delta, d)
    assert torch.allclose(delta.means, MEAN_UNIT * rows[:, :3])
    assert torch.equal(delta.sh.flatten(1), rows[:, 11:])
    for name, tensor in before.tensors().items():
        moved, change = getattr(after, name), getattr(delta, name)
        expected = tensor.clone()
        for row, i in enumerate(index.tolist()):
            expected[i] += d[row] * change[row]
        assert torch.allclose(moved, expected, atol=1e-6), name
