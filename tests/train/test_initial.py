import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from audioplane.errors import TrainingError
from audioplane.subject import load_subject
from audioplane.train.config import PRESETS, with_fine_iterations
from audioplane.train.initial import decided_for, find_bounds, random_gaussians
from audioplane.train.views import observe


@pytest.fixture(scope="module")
def views(spoken_subject):
    return observe(spoken_subject, spoken_subject.train)


def test_random_points_lie_inside_every_silhouette(spoken_subject, views):
    K = spoken_subject.K
    bounds = find_bounds(views, K)
    gaussians = random_gaussians(views, K, bounds, 300, torch.Generator().manual_seed(0))
    assert len(gaussians) == 300
    for view in views:
        camera = gaussians.means.double().numpy() @ view.viewmat[:3, :3].T + view.viewmat[:3, 3]
        pixels = (camera @ K.T)[:, :2] / camera[:, 2:]
        columns, rows = np.floor(pixels).astype(int).T
        assert view.head[rows, columns].all()


def test_the_width_is_a_heads(spoken_subject, views):
    bounds = find_bounds(views, spoken_subject.K)
    assert 0.1 < bounds.head_width < 0.3
    assert (bounds.low < 0).all() and (bounds.high > 0).all()


def test_bounds_follow_the_heads_axes(spoken_subject, views):
    # The peers' y axis points up: the same head, upside down in its own axes.
    flip = np.diag([1.0, -1, -1, 1])
    turned = [replace(v, viewmat=v.viewmat @ flip) for v in views]
    ours, theirs = (find_bounds(v, spoken_subject.K) for v in (views, turned))
    assert np.isclose(theirs.low[1], -ours.high[1]) and np.isclose(theirs.high[1], -ours.low[1])
    assert np.isclose(theirs.low[0], ours.low[0]) and np.isclose(theirs.high[0], ours.high[0])
    assert abs(ours.low[1] + ours.high[1]) > 0.001  # so that the test can fail


def test_poses_that_fit_no_silhouette_are_an_error(spoken_subject, views):
    bounds = find_bounds(views, spoken_subject.K)
    bounds.low[:] += 10
    bounds.high[:] += 10
    with pytest.raises(TrainingError, match="no volume"):
        random_gaussians(views, spoken_subject.K, bounds, 100, torch.Generator())


def test_a_view_that_shows_no_head_bounds_nothing(spoken_subject, views):
    K = spoken_subject.K
    blank = replace(views[0], head=np.zeros_like(views[0].head))
    found = [
        random_gaussians(seen, K, find_bounds(seen, K), 50, torch.Generator().manual_seed(0))
        for seen in (views[1:], [blank, *views[1:]])
    ]
    assert torch.equal(found[0].means, found[1].means)


def test_blinks_are_what_is_learned_where_no_more_is_known(spoken_subject, tmp_path):
    config = PRESETS["laptop"]
    assert decided_for(spoken_subject, config).model.expression == "upper-face"
    folder = tmp_path / "subject"
    shutil.copytree(spoken_subject.paths.root, folder)
    (folder / "expression.npy").unlink()
    assert decided_for(load_subject(folder), config).model.expression == "blink"


def test_long_hair_asks_for_the_whole_person(spoken_subject, person, long_haired, monkeypatch):
    config = PRESETS["laptop"]
    assert config.model.torso == "auto"

    def torso_of(subject):
        return decided_for(subject, config).model.torso

    assert torso_of(person) == "recorded"
    assert torso_of(long_haired) == "recorded", "its body's motion is not known"
    monkeypatch.setattr("audioplane.train.initial.has_long_hair", lambda _: True)
    assert torso_of(person) == "model"
    told = config.with_changes(model={"torso": "recorded"}, passes=0)
    assert decided_for(person, told) is told


def test_a_short_video_is_trained_shorter(spoken_subject):
    config = PRESETS["laptop"]
    decided = decided_for(spoken_subject, config)
    assert decided.fine_iterations == config.passes * len(spoken_subject.train) == 1_000
    assert decided == decided_for(spoken_subject, decided)
    for told in (with_fine_iterations(config, 9_000), config.with_changes(fine_iterations=999)):
        assert decided_for(spoken_subject, told).fine_iterations == told.fine_iterations
