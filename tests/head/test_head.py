import pytest
import torch

from audioplane.head import (
    BY_AUDIO,
    BY_EXPRESSION,
    Gaussians,
    Head,
    HeadShape,
    Motion,
    View,
    splat_head,
)
from audioplane.head.audio_plane import spread_over_sets
from audioplane.head.gaussians import colour_to_sh, sh_colours
from tests.gpu import stand_in


def make_head(n=60, **switches):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    shape = HeadShape(**{"feature_dim": 6, "scales": (1, 2), "grid_size": 6} | switches)
    head = Head(shape, generator)
    head.gaussians = Gaussians(
        means=torch.randn(n, 3, generator=generator) * 0.03,
        quats=torch.randn(n, 4, generator=generator),
        log_scales=torch.full((n, 3), -4.5),
        logits=torch.zeros(n),
        sh=torch.randn(n, 4, 3, generator=generator) * 0.3,
    )
    head.low.fill_(-0.1)
    head.high.fill_(0.1)
    head.moved_by = torch.zeros(n, dtype=torch.uint8)
    head.moved_by[:20], head.moved_by[20:30] = BY_AUDIO, BY_EXPRESSION
    torch.nn.init.normal_(head.field.output.weight, std=0.1)
    return head


def view():
    viewmat = torch.eye(4)
    viewmat[2, 3] = 0.6
    return View(viewmat, torch.tensor([[100.0, 0, 20], [0, 100, 16], [0, 0, 1]]), 40, 32)


def test_audio_and_expression_move_their_own_gaussians_only():
    head = make_head()
    zero, code = torch.zeros(96), torch.randn(96, generator=torch.Generator().manual_seed(1))
    still, _ = head.deform(Motion(zero, zero))
    spoken, d = head.deform(Motion(code, zero))
    blinked, _ = head.deform(Motion(zero, code))
    by_audio = (spoken.means - still.means).abs().sum(1) > 0
    by_expression = (blinked.means - still.means).abs().sum(1) > 0
    assert torch.nonzero(by_audio)[:, 0].tolist() == list(range(20))
    assert torch.nonzero(by_expression)[:, 0].tolist() == list(range(20, 30))
    assert (d[:20] > 0).all() and (d[20:] == 0).all()


def test_kept_space_features_change_nothing():
    head = make_head()
    code = torch.randn(96, generator=torch.Generator().manual_seed(2))
    S = head.space_features(torch.cat(head.moving()))
    a, d = head.deform(Motion(code, code))
    b, e = head.deform(Motion(code, code), S)
    assert torch.allclose(a.means, b.means, atol=1e-5) and torch.allclose(d, e, atol=1e-5)


@pytest.mark.parametrize(
    "switches", [{}, {"fusion": "add"}, {"encoder": "concat"}, {"encoder": "six-plane"}], ids=str
)
def test_a_folded_head_moves_by_the_same_bits(switches):
    more = {"time_cells": 5} if "six-plane" in switches.values() else {}
    head, folded = (make_head(**switches, **more) for _ in range(2))
    code = head.expression(torch.tensor([0.2, 0.7]))
    motion = Motion(torch.ones(1) if head.times else code, code)
    folded.fold(head.space_features(torch.cat(head.moving())))
    assert "grid.planes" not in folded.state_dict()
    for ours, theirs in zip(head.deform(motion), folded.deform(motion), strict=True):
        assert torch.equal(getattr(ours, "means", ours), getattr(theirs, "means", theirs))
    with pytest.raises(ValueError, match="features of"):
        make_head(**switches, **more).fold(torch.zeros(3, 5))


def test_eq_8_the_dynamic_map_is_the_splat_of_d():
    head = make_head()
    d = torch.rand(60, generator=torch.Generator().manual_seed(3))
    splat = splat_head(head.gaussians, d, view(), torch.zeros(3))
    # With colours equal to d the image itself is g.
    same = Gaussians(**{**head.gaussians.tensors(), "sh": torch.zeros(60, 1, 3)})
    same.sh[:, 0] = colour_to_sh(d[:, None].expand(-1, 3))
    grey = splat_head(same, d, view(), torch.zeros(3))
    assert torch.allclose(grey.image[..., 0], splat.image[..., 3], atol=1e-5)
    assert splat.image[..., 3].max() > 0.1


def test_colours_of_degree_0_do_not_depend_on_the_view():
    colours = torch.rand(5, 3, generator=torch.Generator().manual_seed(4))
    sh = colour_to_sh(colours)[:, None]
    assert torch.allclose(sh_colours(sh, torch.randn(5, 3), view().viewmat), colours, atol=1e-6)


def test_degree_1_brightens_the_side_it_points_to():
    sh = torch.zeros(2, 4, 3)
    sh[:, 3] = -0.5  # the x basis is −x
    means = torch.tensor([[0.5, 0, 0], [-0.5, 0, 0]])
    right, left = sh_colours(sh, means, view().viewmat)
    assert (right > 0.5).all() and (left < 0.5).all()


def test_the_gaussians_go_where_the_weights_go():
    head = make_head()
    before = {name: tensor.clone() for name, tensor in head.gaussians.tensors().items()}
    with stand_in() as device:
        assert head.to(device).device.type == device
        tensors = [*head.state_dict().values(), *head.gaussians.tensors().values()]
        assert {x.device.type for x in tensors} == {device}
        for name, tensor in head.to("cpu").gaussians.tensors().items():
            assert torch.equal(tensor, before[name])


def test_gradients_reach_everything():
    head = make_head()
    windows = torch.randn(1, 20, 16, 6, generator=torch.Generator().manual_seed(5))
    for tensor in head.gaussians.tensors().values():
        tensor.requires_grad_()
    codes = spread_over_sets(head.prototypes(head.encoder.normalised_batch(windows)))
    motion = Motion(codes[3], head.expression(torch.tensor([0.3, 0.9])))
    splat = splat_head(*head.deform(motion), view(), torch.ones(3))
    splat.image.square().sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


SWITCHES = [
    {"fusion": "add"},
    {"fusion": "multiply"},
    {"attention": "mlp"},
    {"encoder": "concat"},
    {"encoder": "concat", "dynamism": False},
    {"dynamism": False},
    {"scales": (1, 3), "grid_size": 5},
    {"cell_features": 8},
    {"cell_features": 24, "fusion": "add"},
]


def _features(head, index, code):
    """f of Eq. 6, or its alternatives, built the long way."""
    shape = head.shape
    points = (head.gaussians.means[index] - head.low) / (head.high - head.low) * 2 - 1
    S = head.grid.encode_reference(points)
    if shape.encoder == "concat":
        return torch.cat([S, code.expand(len(S), -1)], 1)
    f_a = code.unflatten(0, (len(shape.scales), -1))
    sets = S.unflatten(1, (len(shape.scales), 3, -1)) * f_a[None, :, None]
    match shape.fusion:
        case "concat":
            return sets.flatten(1)
        case "add":
            return sets.sum(2).flatten(1)
        case _:
            return sets.prod(2).flatten(1)


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_every_switch_builds_the_head_that_it_names(switches):
    head = make_head(**switches)
    runs = torch.randn(2, 12, 16, 6, generator=torch.Generator().manual_seed(1))
    codes = head.represent_runs(runs)
    assert codes.shape == (10, head.representation_dim) and codes.std(0).mean() > 0.05
    index = head.moving()[0]
    motion = Motion(head.spread(codes)[3], head.expression(torch.tensor([0.2, 0.7])))
    moved, d = head.deform(motion)
    f = _features(head, index, codes[3])
    rows = head.field.rest(head.field.first(f))
    expected = torch.ones(len(index))
    if head.shape.dynamism:
        expected = head.field.dynamism_rest(head.field.dynamism_first(f))[:, 0].sigmoid()
    assert torch.allclose(d[index], expected, atol=1e-5)
    change = 0.01 * expected[:, None] * rows[:, :3]
    assert torch.allclose(moved.means[index], head.gaussians.means[index] + change, atol=1e-5)
    assert head.audio_codes(runs[0]).shape == (12, len(motion.audio))


def test_an_mlp_predicts_the_attention_where_it_is_asked_to():
    prototypes = make_head(attention="mlp").prototypes
    a = torch.randn(4, 64, generator=torch.Generator().manual_seed(2))
    weights = prototypes.queries[1](a).softmax(-1)
    assert torch.allclose(prototypes(a)[:, 1], weights @ prototypes.grids[1], atol=1e-6)


@pytest.mark.parametrize("fusion", ["concat", "add", "multiply"])
def test_six_planes_multiply_space_by_time(fusion):
    head = make_head(encoder="six-plane", time_cells=5, fusion=fusion)
    torch.nn.init.normal_(head.times.table, 1, 0.3)
    eyes = head.expression(torch.tensor([0.2, 0.7]))
    index = head.moving()[0]
    points = (head.gaussians.means[index] - head.low) / (head.high - head.low) * 2 - 1
    # Row 5 of the speech lies between cells 2 and 3; lines are read at x, y or z by linear mixing.
    lines = head.times.table[2:4].mean(0).view(-1, 16)
    features, start = [], 0
    for n in (6, 12):
        for axis in (2, 1, 0):
            at = ((points[:, axis] + 1) / 2 * (n - 1)).clamp(0, n - 1)
            low = at.long().clamp_max(n - 2)
            weight = (at - low)[:, None]
            line = lines[start : start + n]
            features.append(line[low] * (1 - weight) + line[low + 1] * weight)
            start += n
    S = head.grid.encode_reference(points) * torch.cat(features, 1)
    sets = S.unflatten(1, (2, 3, 16))
    f = {
        "concat": sets.flatten(1),
        "add": sets.sum(2).flatten(1),
        "multiply": sets.prod(2).flatten(1),
    }
    moved, d = head.deform(Motion(torch.tensor([5.0]), eyes))
    expected = head.field.dynamism_rest(head.field.dynamism_first(f[fusion]))[:, 0].sigmoid()
    assert torch.allclose(d[index], expected, atol=1e-5)
    change = 0.01 * expected[:, None] * head.field.rest(head.field.first(f[fusion]))[:, :3]
    assert torch.allclose(moved.means[index], head.gaussians.means[index] + change, atol=1e-5)


def test_time_is_a_row_of_the_speech_and_stands_still_after_the_last():
    head = make_head(encoder="six-plane", time_cells=3)
    torch.nn.init.normal_(head.times.table)
    codes = head.audio_codes(torch.zeros(9, 16, 6), 2)
    assert codes[:, 0].tolist() == list(range(2, 11))
    eyes = torch.zeros(96)
    at = [head.deform(Motion(code, eyes))[0].means for code in codes]
    assert (at[0] - at[1]).abs().max() > 1e-6
    assert torch.equal(at[2], at[5])


def test_a_saved_state_holds_the_gaussians_and_sizes_the_head_that_loads_it(tmp_path):
    head, other = make_head(60), make_head(5)
    torch.save(head.state_dict(), tmp_path / "head.pt")
    other.load_state_dict(torch.load(tmp_path / "head.pt", weights_only=True))
    assert torch.equal(other.moved_by, head.moved_by)
    for name, tensor in head.gaussians.tensors().items():
        assert torch.equal(getattr(other.gaussians, name), tensor), name
    motion = Motion(torch.ones(96), torch.ones(96))
    assert torch.equal(other.deform(motion)[0].means, head.deform(motion)[0].means)
