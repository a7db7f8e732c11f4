import numpy as np
import torch

from audioplane.train.poses import PoseTable, RefinedViews

TRACKED = np.tile(np.eye(4), (3, 1, 1))
TRACKED[:, 2, 3] = 1.0


def test_only_the_views_asked_for_are_refined():
    table = PoseTable(TRACKED, head_width=0.2)
    table.view(1, refining=True).sum().backward()
    table.view(2, refining=False)
    table.step(0.1)
    assert (table.corrections[[0, 2]] == 0).all() and (table.corrections[1] != 0).any()
    refined = table.refined()
    assert torch.equal(refined[[0, 2]], torch.from_numpy(TRACKED[[0, 2]]).float())
    assert torch.equal(refined[1], table.view(1, refining=True)) and refined[1, 0, 3] != 0
    table.centre()
    assert table.corrections.detach().mean(0).abs().max() < 1e-7


def test_a_kept_table_goes_on():
    table, again = (PoseTable(TRACKED, head_width=0.2) for _ in range(2))
    for _ in range(2):
        table.view(1, refining=True)[:3].square().sum().backward()
        table.step(0.1)
    again.load("pose", {k: v.detach().clone() for k, v in table.state("pose").items()})
    for t in (table, again):
        t.view(0, refining=True)[:3].square().sum().backward()
        t.step(0.1)
    assert torch.equal(table.corrections, again.corrections)


def test_head_and_body_are_refined_together():
    away = TRACKED + np.diag([0, 0, 0.1, 0])
    views, head_alone = RefinedViews(TRACKED, away, 0.2), RefinedViews(TRACKED, None, 0.2)
    assert head_alone.of(1, refining=False)[1] is None and head_alone.refined()[1] is None
    head, body = views.of(1, refining=True)
    (head.sum() + body.sum()).backward()
    views.step(0.1)
    for refined, tracked in zip(views.refined(), (TRACKED, away), strict=True):
        assert (refined != torch.from_numpy(tracked).float()).any((1, 2)).tolist() == [0, 1, 0]
    again = RefinedViews(TRACKED, away, 0.2)
    again.load(views.state())
    assert all(map(torch.equal, again.refined(), views.refined()))
