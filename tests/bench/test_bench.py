"""Tests of the benchmark measurements."""

import json
import time

import pytest
import torch

from audioplane.bench import SUITES, BenchReport, Stopwatch
from audioplane.bench.scenes import seeded_head, standard_scene, view
from audioplane.cli import main
from audioplane.splat import rasterize


def test_a_figure_is_a_median_per_unit_and_a_multiple_of_m():
    watch = Stopwatch(torch.device("cpu"))
    figure = watch.time("sleep", lambda: time.sleep(0.02), rounds=5, units=4, goal=1.0)
    assert 5.0 <= figure.ms < 8.0
    assert len(watch.products) == 5
    assert figure.m == pytest.approx(figure.ms / sorted(watch.products)[2])


def test_the_standard_scene_is_a_head_in_the_image():
    first, again = standard_scene(2000), standard_scene(2000)
    assert all(torch.equal(first[name], again[name]) for name in first)
    seen = view(128)
    splat = rasterize(**first, viewmat=seen.viewmat, K=seen.K, width=128, height=128)
    assert splat.visible.all()
    assert splat.alpha[54:74, 54:74].mean() > 0.4 and splat.alpha[2, 2] == 0
    # σ of about two pixels at 512 is half a pixel here, and gsplat's 0.3 comes on top.
    assert 1.0 < splat.radii.median() < 4.0


def test_the_seeded_head_speaks_and_blinks():
    by_audio, by_expression = seeded_head(500, feature_dim=8).moving()
    assert len(by_audio) > 30 and len(by_expression) > 10


def test_a_suite_gives_figures_with_goals():
    watch = Stopwatch(torch.device("cpu"))
    figure = next(iter(SUITES["splat"](watch)))
    assert figure.gaussians == 20_000 and figure.goal == 0.6 and figure.ms > 0
    report = BenchReport([figure], 1.0, "cpu").to_dict()
    assert json.loads(json.dumps(report))["figures"][0]["name"] == "forward"
    assert report["threads"] >= 1 and report["cpu"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named(capsys):
    assert main(["bench", "splat", "--device", "cuda"]) == 1
    assert "CUDA" in capsys.readouterr().err
