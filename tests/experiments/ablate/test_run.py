"""The budget, and what is kept of the scores."""

import pytest

from audioplane.evaluate import ScoreReport
from audioplane.evaluate.scores.lips import LipScores
from audioplane.evaluate.syncnet import SyncScores
from audioplane.experiments.ablate.run import Pace, affordable, probe, variant_result
from audioplane.train import PRESETS
from audioplane.train.config import within_iterations
from tests.evaluate.test_report import report as some_report


def kept(report: ScoreReport):
    return variant_result(report, density=1.0, gaussians=5, iterations=9, seconds=2.0)


def test_syncnets_confidence_is_kept():
    assert kept(some_report()).syncnet == 6.7
    bare = ScoreReport(some_report().frames, LipScores(), syncnet=SyncScores(empty="too short"))
    assert kept(bare).syncnet is None and kept(bare).empty["syncnet"] == "too short"


def test_iterations_of_either_size_are_timed():
    laptop = PRESETS["laptop"]
    full, half = probe(laptop, half_size=False), probe(laptop, half_size=True)
    assert full.half_size_iterations == 0
    assert half.half_size_iterations == half.iterations


@pytest.mark.parametrize("preset", ["demo", "laptop", "paper"])
@pytest.mark.parametrize("seconds", [60.0, 600.0, 3600.0])
def test_the_budget_is_used_and_not_overrun(preset, seconds):
    pace = Pace(full=0.16, half=0.04)
    config = PRESETS[preset]
    n = affordable(config, pace, seconds)
    plan = within_iterations(config, n)
    half = min(plan.half_size_iterations, plan.iterations)
    took = half * pace.half + (plan.iterations - half) * pace.full
    assert 0.95 * seconds < took <= seconds * 1.001
