import json
from dataclasses import asdict

import numpy as np
import pytest

from audioplane.errors import CheckpointError, TrainingError
from audioplane.train import PRESETS, TrainConfig
from audioplane.train.config import checked, with_fine_iterations, within_iterations
from tests.train.configs import untyped


def test_the_paper_preset_is_the_paper():
    paper = PRESETS["paper"]
    # But for LPIPS, whose weights a bare TrainConfig cannot ask for, the defaults are the paper's.
    assert paper == TrainConfig().with_changes(loss={"lpips": 0.05, "dssim": 0.0})
    model, iterations = paper.model, (paper.coarse_iterations, paper.fine_iterations)
    assert (model.encoder, model.attention, model.fusion) == ("audio-plane", "cross", "concat")
    assert (model.dynamism, model.scales, model.moving) == (True, (1, 2, 3, 4), "all")
    assert (model.grid_size, model.cell_features) == (64, 16)
    assert (paper.density.initial, *iterations) == (1_000, 3_000, 100_000)
    assert (paper.loss.mask, paper.loss.margin) == (0.1, 0.2)
    loss, audio = paper.loss, paper.audio  # §3.5: L1, LPIPS and L_mask, and nothing else
    assert (loss.dssim, loss.lpips, loss.mouth, loss.texture, loss.lips) == (0, 0.05, 0, 0, 0)
    assert (audio.noise, audio.offset, audio.tilt, audio.shift) == (0, 0, 0, 0)
    assert paper.half_size_iterations == 0


def test_settings_change_by_group():
    changed = TrainConfig().with_changes(seed=1, density={"maximum": 7}, loss={})
    assert (changed.seed, changed.density.maximum, changed.density.initial) == (1, 7, 1_000)
    assert changed.with_changes(seed=0, density={"maximum": 50_000}) == TrainConfig()
    for wrong in ({"densify_until": 3}, {"density": {"stop": 3}}):
        with pytest.raises(TypeError):
            TrainConfig().with_changes(**wrong)


@pytest.mark.parametrize("iterations", [1, 500, 20_000, 40_000])
def test_another_length_keeps_the_plan(iterations):
    plan = PRESETS["laptop"]
    changed = with_fine_iterations(plan, iterations)
    assert changed.fine_iterations == iterations
    assert 0 < changed.density.until <= changed.iterations
    assert changed.half_size_iterations <= changed.iterations
    share = (changed.density.until - plan.coarse_iterations) / max(1, iterations)
    expected = (plan.density.until - plan.coarse_iterations) / plan.fine_iterations
    assert share == pytest.approx(expected, abs=0.6 / iterations)
    assert 1 <= changed.validate_every <= plan.validate_every
    assert changed.passes == 0
    same = with_fine_iterations(plan, plan.fine_iterations)
    assert same == plan.with_changes(passes=0)


@pytest.mark.parametrize("total", [40, 1_000, 6_000, 50_000])
def test_a_plan_within_a_number_of_iterations(total):
    plan = PRESETS["laptop"]
    changed = within_iterations(plan, total)
    coarse, fine = changed.coarse_iterations, changed.fine_iterations
    assert coarse + fine == total and coarse == min(plan.coarse_iterations, total // 4)
    assert changed.rates.poses_from < coarse
    ends = [(c.half_size_iterations, c.density.until) for c in (plan, changed)]
    for before, after in zip(*ends, strict=True):
        share = (before - plan.coarse_iterations) / plan.fine_iterations
        assert (after - coarse) / fine == pytest.approx(share, abs=1 / fine)


def test_settings_come_back_from_json():
    for config in PRESETS.values():
        assert TrainConfig.from_json(json.loads(json.dumps(asdict(config)))) == config


def test_settings_of_version_0_1_are_read():
    old = {"seed": 3, "scales": [1, 2], "average": True, "sh_degree": 1, "lambda_still": 0.0}
    old |= {"lambda_lips": 1.0, "lr_poses": 0.0, "densify_until": 9, "audio_run_length": 8}
    old |= {"mouth_weight": 1.5, "max_gaussians": 10, "teacher_forcing": True}
    assert TrainConfig.from_json(old) == TrainConfig(seed=3, ema=True).with_changes(
        model={"scales": (1, 2)},
        loss={"lips": 1.0, "mouth": 1.5},
        rates={"poses": 0.0},
        density={"until": 9, "maximum": 10},
        audio={"run_length": 8, "teacher_forcing": True},
    )


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"unknown": 1}, "unknown"),
        ({"seed": "0"}, "seed"),
        ({"scales": 3}, "scales"),
        ({"model": {"moving": "mouth"}}, "moving"),
        ({"loss": {"margin": None}}, "margin"),
        ({"density": 3}, "3"),
    ],
)
def test_settings_that_are_none_of_ours_are_a_damaged_checkpoint(wrong, named):
    with pytest.raises(CheckpointError, match=named):
        TrainConfig.from_json(wrong)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model.attention", "MLP", "attention cannot be 'MLP': give one of cross, mlp"),
        ("model.torso", "modelled", "torso"),
        ("loss.margin", float("nan"), "margin"),
        ("fine_iterations", 10.0, "fine_iterations"),
        ("seed", np.int64(4), "seed"),
        ("seed", 10**14, "seed"),
        ("validate_every", 0, "validate_every"),
        ("checkpoint_every", 0, "checkpoint_every"),
        ("density.every", 0, "density.every"),
        ("audio.runs", 0, "audio.runs"),
        ("audio.shift", -1, "audio.shift is -1: choose 0 or more"),
        ("density.initial", 3, "density.initial is 3: choose 4 or more"),
        ("coarse_iterations", -1, "coarse_iterations"),
        ("fine_iterations", 0, "fine_iterations"),
        ("validation_share", 1.0, "validation_share"),
    ],
)
def test_settings_that_cannot_be_trained_with_are_refused(name, value, said):
    with pytest.raises(TrainingError, match=said):
        checked(untyped(TrainConfig(), name, value))


def test_settings_that_are_checked_are_those_that_a_checkpoint_gives_back():
    config = checked(untyped(TrainConfig(), "model.scales", [1, 2]))
    assert config.model.scales == (1, 2)
    assert TrainConfig.from_json(json.loads(json.dumps(asdict(config)))) == config
    assert checked(untyped(TrainConfig(), "loss.lips", np.float64(0.5))).loss.lips == 0.5
