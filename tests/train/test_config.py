from dataclasses import replace

import pytest

from audioplane.errors import CheckpointError
from audioplane.train import PRESETS, TrainConfig
from audioplane.train.config import with_fine_iterations, within_iterations
from audioplane.train.trainer import frame_order


def test_the_paper_preset_is_the_paper():
    paper = PRESETS["paper"]
    # But for LPIPS, whose weights a bare TrainConfig cannot ask for, the defaults are the paper's.
    assert paper == replace(TrainConfig(), lambda_lpips=0.05, lambda_dssim=0.0)
    assert (paper.encoder, paper.attention, paper.fusion) == ("audio-plane", "cross", "concat")
    assert (paper.dynamism, paper.scales) == (True, (1, 2, 3, 4))
    assert (paper.grid_size, paper.cell_features) == (64, 16)
    assert (paper.initial_points, paper.coarse_iterations, paper.fine_iterations) == (
        1_000,
        3_000,
        100_000,
    )
    assert (paper.lambda_mask, paper.margin, paper.moving) == (0.1, 0.2, "all")
    assert paper.lambda_lips == 0 and paper.half_size_iterations == 0


@pytest.mark.parametrize("iterations", [1, 500, 20_000, 40_000])
def test_another_length_keeps_the_plan(iterations):
    plan = PRESETS["laptop"]
    changed = with_fine_iterations(plan, iterations)
    assert changed.fine_iterations == iterations
    total, new_total = (c.coarse_iterations + c.fine_iterations for c in (plan, changed))
    assert 0 < changed.densify_until <= new_total
    assert changed.half_size_iterations <= new_total
    share = (changed.densify_until - plan.coarse_iterations) / max(1, iterations)
    expected = (plan.densify_until - plan.coarse_iterations) / plan.fine_iterations
    assert share == pytest.approx(expected, abs=0.6 / iterations)
    assert 1 <= changed.validate_every <= plan.validate_every
    assert with_fine_iterations(plan, plan.fine_iterations) == replace(plan)


@pytest.mark.parametrize("total", [40, 1_000, 6_000, 50_000])
def test_a_plan_within_a_number_of_iterations(total):
    plan = PRESETS["laptop"]
    changed = within_iterations(plan, total)
    coarse, fine = changed.coarse_iterations, changed.fine_iterations
    assert coarse + fine == total and coarse == min(plan.coarse_iterations, total // 4)
    assert changed.poses_from < coarse
    for name in ("half_size_iterations", "densify_until"):
        share = (getattr(plan, name) - plan.coarse_iterations) / plan.fine_iterations
        assert (getattr(changed, name) - coarse) / fine == pytest.approx(share, abs=1 / fine)


def test_an_epoch_shows_every_frame_once_in_its_own_order():
    first, second = frame_order(50, 0, 0), frame_order(50, 1, 0)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second and first == frame_order(50, 0, 0)
    assert first != frame_order(50, 0, 1)


def test_settings_of_version_0_1_are_read():
    old = {"seed": 3, "scales": [1, 2], "average": True, "sh_degree": 1, "lambda_still": 0.0}
    assert TrainConfig.from_json(old) == TrainConfig(seed=3, scales=(1, 2), ema=True)


@pytest.mark.parametrize(
    "wrong", [{"unknown": 1}, {"seed": "0"}, {"scales": 3}, {"moving": "mouth"}, {"margin": None}]
)
def test_settings_that_are_none_of_ours_are_a_damaged_checkpoint(wrong):
    with pytest.raises(CheckpointError, match=next(iter(wrong))):
        TrainConfig.from_json(wrong)
