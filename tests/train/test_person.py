"""Training of a whole person: one set of Gaussians between head and body."""

from dataclasses import replace

import numpy as np
import pytest

from audioplane.drive import Animator
from audioplane.drive.moment import Moment
from audioplane.drive.renderer import FrameRenderer, TensorRenderer
from audioplane.errors import SubjectError
from audioplane.evaluate import evaluate
from audioplane.run import RunPaths, open_run
from audioplane.run.pack import pack
from audioplane.run.tensors import load_tensors
from audioplane.train import Progress, Trainer, train_head
from tests.gpu import stand_in
from tests.train.configs import TINY
from tests.train.test_trainer import losses

PLAN = TINY.with_changes(model={"torso": "model"})


@pytest.fixture(scope="module")
def trained(person, tmp_path_factory):
    out = tmp_path_factory.mktemp("person_run")
    return out, list(train_head(person, PLAN, out))


def animator(run) -> Animator:
    return Animator(run.head, run.footage, run.views, run.bodies)


def test_torso_starts_on_the_body_and_the_head_on_the_head(person):
    head = Trainer(person, PLAN).head
    weights, n = head.body_weights(), PLAN.density.initial
    assert len(weights) == 2 * n
    assert weights[:n].median() < 0.1 and weights[n:].median() > 0.9
    assert (head.moved_by[weights > 0.5] == 0).all()


def test_it_learns_the_whole_person(person, trained):
    out, events = trained
    losses = [e.loss for e in events if isinstance(e, Progress)]
    assert losses[-1] < 0.8 * losses[0]
    run = open_run(out, person.paths.root)
    assert run.torso == "model" and run.bodies.keys() == run.views.keys()
    ref = person.train[7]
    drawn = animator(run)
    code = drawn.codes(person.features("mel"))[ref.aud_id]
    plate = run.footage.plate(ref)
    assert np.array_equal(plate, person.background)
    truth, image = (
        x.astype(float) for x in (person.image(ref), drawn.draw(code, ref, plate).image)
    )
    torso = person.torso(ref)[..., 3] > 128
    before = np.abs(plate.astype(float) - truth)[torso].mean()
    assert np.abs(image - truth)[torso].mean() < 0.5 * before


def test_the_body_moves_the_torso_and_not_the_head(person, trained):
    run = open_run(trained[0], person.paths.root)
    ref, drawn = person.train[7], animator(run)
    code = drawn.codes(person.features("mel"))[ref.aud_id]
    view = drawn.view(ref)
    aside = view.body.clone()
    aside[0, 3] += 0.05
    renderer = FrameRenderer(run.head, *drawn.size)
    motion = drawn._motion(code, Moment(ref), None)
    still, moved = (
        renderer.render(motion, replace(view, body=b), person.background)[0].astype(float)
        for b in (view.body, aside)
    )
    changed = np.abs(still - moved).mean(-1)
    labels = person.labels(ref)
    assert changed[labels == 3].mean() > 3 * changed[(labels == 1) | (labels == 5)].mean()


def test_both_renderers_place_the_body_alike(person, trained):
    run = open_run(trained[0], person.paths.root)
    ref, drawn = person.train[3], animator(run)
    motion = drawn._motion(drawn.codes(person.features("mel"))[3], Moment(ref), None)
    images = [
        r.render(motion, drawn.view(ref), person.background)[0].astype(int)
        for r in (FrameRenderer(run.head, *drawn.size), TensorRenderer(run.head))
    ]
    assert np.abs(images[0] - images[1]).max() <= 2


def test_a_killed_run_ends_with_the_same_bits(person, trained, tmp_path):
    for event in train_head(person, PLAN, tmp_path):
        if isinstance(event, Progress) and event.iteration == 50:
            break
    list(train_head(person, PLAN, tmp_path))
    first, second = (RunPaths(p).checkpoint(80) for p in (trained[0], tmp_path))
    assert first.read_bytes() == second.read_bytes()
    assert load_tensors(first)[0]["body_poses"].abs().max() > 0


def test_a_pack_of_it_holds_no_torsos(person, trained, tmp_path):
    run = open_run(trained[0], person.paths.root)
    alone = open_run(pack(run, tmp_path / "me"))
    assert alone.torso == "model"
    ref = alone.footage.loop[5]
    drawn, recorded = animator(alone), animator(run)
    code = recorded.codes(person.features("mel"))[ref.aud_id]
    frames = [a.draw(code, r, a.footage.plate(r)).image for a, r in
              ((drawn, ref), (recorded, recorded.footage.loop[5]))]  # fmt: skip
    assert np.array_equal(*frames)
    names = set(load_tensors(tmp_path / "me.head")[0])
    assert not any(name.startswith("footage/torso") for name in names)


def test_its_report_says_that_the_torso_is_modelled(person, trained):
    run = open_run(trained[0], person.paths.root)
    reports = evaluate(run, poses="both", device="cpu").reports
    for report in reports.values():
        assert any(note.startswith("torso: modelled") for note in report.notes)
    assert reports["refined"].means["whole"].psnr >= reports["tracked"].means["whole"].psnr


def test_a_gpu_trains_a_person_as_the_cpu(person):
    plan = PLAN.with_changes(coarse_iterations=4, rates={"poses_from": 2}, density={"first": 100})
    with stand_in() as device:
        here, there = (losses(Trainer(person, plan, d), 8) for d in ("cpu", device))
    assert there == pytest.approx(here, rel=1e-4)


def test_without_the_bodys_motion_it_says_what_to_do(spoken_subject):
    with pytest.raises(SubjectError, match="body"):
        Trainer(spoken_subject, PLAN)
