"""The budget, and what is kept of the scores."""

import json
import math
from dataclasses import asdict

import pytest

from audioplane.errors import TrainingError
from audioplane.evaluate import ScoreReport
from audioplane.evaluate.scores.lips import LipScores
from audioplane.evaluate.syncnet import SyncScores
from audioplane.experiments.ablate import run
from audioplane.experiments.ablate.report import VariantResult, to_json
from audioplane.experiments.ablate.run import Pace, affordable, probe, variant_result
from audioplane.train import PRESETS
from audioplane.train.config import within_iterations
from tests.evaluate.test_report import report as some_report


def kept(report: ScoreReport, density: float = 1.0):
    return variant_result(report, density=density, gaussians=5, iterations=9, seconds=2.0)


def test_syncnets_confidence_is_kept():
    assert kept(some_report()).syncnet == 6.7
    bare = ScoreReport(some_report().frames, LipScores(), syncnet=SyncScores(empty="too short"))
    assert kept(bare).syncnet is None and kept(bare).empty["syncnet"] == "too short"


def test_a_density_without_a_value_is_kept_as_none(tmp_path):
    result = kept(some_report(), density=math.nan)
    assert result.density is None and "no mouth" in result.empty["density"]
    assert '"density": null' in to_json({"full": result}, {})
    file = tmp_path / "result.json"
    file.write_text(json.dumps(asdict(result) | {"density": math.nan}))  # as older ones have it
    assert run._read(VariantResult, file, "") == result


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


def test_the_budget_is_a_time_however_many_slots_there_are(subject, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "measure_pace", lambda *_: Pace(0.1, 0.1))

    def planned(n: int, slots: int) -> int:
        out = tmp_path / f"{n} on {slots}"
        return run._plan(subject, out, PRESETS["demo"], 60.0, n, slots, None).iterations

    assert planned(4, 16) == planned(4, 4) == planned(1, 1)
    assert planned(5, 4) == planned(2, 1)


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
@pytest.mark.parametrize("name", ["plan.json", "full/result.json"])
def test_a_damaged_file_of_an_ablation_is_named(subject, tmp_path, monkeypatch, name, text):
    monkeypatch.setattr(run, "measure_pace", lambda *_: Pace(0.1, 0.1))
    (tmp_path / "full").mkdir()
    (tmp_path / name).write_text(text)
    with pytest.raises(TrainingError, match=f"{name} is damaged or of another version: delete"):
        run.ablate(subject.paths.root, tmp_path, PRESETS["demo"])


def test_a_config_that_is_not_the_tables_full_model_is_refused(subject, tmp_path):
    config = PRESETS["demo"].with_changes(loss={"margin": 0.3})
    with pytest.raises(TrainingError, match=r"margin=0.3: the tables' full model has 0.2"):
        run.ablate(subject.paths.root, tmp_path, config, tables=[3])


def test_an_ablation_of_no_table_is_refused(spoken_subject, tmp_path):
    with pytest.raises(TrainingError, match="name one"):
        run.ablate(spoken_subject.paths.root, tmp_path, PRESETS["demo"], tables=())
