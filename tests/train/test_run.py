import json
import os
import shutil
import subprocess
import sys
import threading

import pytest
import torch

import audioplane
from audioplane.errors import CheckpointError, SubjectError, TrainingError
from audioplane.run import RunPaths, load_tensors, open_run, save_tensors
from audioplane.subject import load_subject
from audioplane.train import CheckpointSaved, Progress
from audioplane.train.run import as_line, is_complete, train_head
from tests.train.configs import TINY, untyped

SHORT = TINY.with_changes(coarse_iterations=10, fine_iterations=20, density={"until": 15})


def test_events_are_json_where_a_number_does_not_exist_yet():
    def refuse(word):
        raise ValueError(word)

    line = as_line(Progress(1, 2, "coarse", 0.5, 20.0, 9, float("nan")))
    facts = json.loads(line, parse_constant=refuse)
    assert facts["event"] == "Progress" and facts["audio_spread"] is None


def test_a_stopped_run_keeps_its_last_iteration_and_ends_with_the_same_bits(
    spoken_subject, tmp_path
):
    stop, stopped, whole = threading.Event(), tmp_path / "stopped", tmp_path / "whole"
    events = []
    for event in train_head(spoken_subject, SHORT, stopped, stop=stop):
        events.append(event)
        stop.set()
    assert isinstance(events[-1], CheckpointSaved) and events[-1].iteration == 11
    assert not RunPaths(stopped).head.exists() and not list(stopped.rglob("*partial*"))
    for folder in (stopped, whole):
        list(train_head(spoken_subject, SHORT, folder))
    first, second = (RunPaths(p).checkpoint(30).read_bytes() for p in (stopped, whole))
    assert first == second


def test_a_run_behind_a_link_knows_its_subject(spoken_subject, tmp_path):
    disk = tmp_path / "disk" / "far" / "away"
    disk.mkdir(parents=True)
    (tmp_path / "runs").symlink_to(disk)
    out = tmp_path / "runs" / "me"
    list(train_head(spoken_subject, SHORT, out))
    assert open_run(out).subject.identity == spoken_subject.identity
    assert is_complete(out, SHORT)
    RunPaths(out).head.unlink()
    assert not is_complete(out, SHORT)


def test_settings_of_no_training_are_refused_before_anything_is_made(spoken_subject, tmp_path):
    config, out = untyped(SHORT, "model.fusion", "sum"), tmp_path / "run"
    for train in (train_head, audioplane.train_head):
        with pytest.raises(TrainingError, match="fusion cannot be 'sum'"):
            list(train(spoken_subject, out=out, config=config))
    assert not out.exists()


def test_one_training_at_a_time_in_a_folder(spoken_subject, tmp_path):
    first = train_head(spoken_subject, SHORT, tmp_path)
    next(first)
    with pytest.raises(TrainingError, match="another training is at work"):
        next(train_head(spoken_subject, SHORT, tmp_path))
    first.close()
    next(train_head(spoken_subject, SHORT, tmp_path))


def test_a_dead_process_holds_no_lock(spoken_subject, tmp_path):
    code = (
        "import os, sys; from audioplane.train.lock import lock; "
        "f = open(sys.argv[1], 'a'); lock(f, 'it'); os._exit(7)"
    )
    call = [sys.executable, "-c", code, str(RunPaths(tmp_path).events)]
    assert subprocess.run(call, env=os.environ, check=False).returncode == 7
    next(train_head(spoken_subject, SHORT, tmp_path))


def test_a_loss_of_ones_own_is_minimised_and_told(spoken_subject, tmp_path):
    def opacity(step):
        return step.gaussians.logits.sigmoid().mean()

    opacities = []
    for name, weight in (("without", 0.0), ("with", 10.0)):
        extra = {"opacity": (weight, opacity)}
        list(train_head(spoken_subject, SHORT, tmp_path / name, extra_losses=extra))
        tensors, facts = load_tensors(RunPaths(tmp_path / name).head)
        opacities.append(tensors["gaussians/logits"].sigmoid().mean())
    assert opacities[1] < opacities[0] - 0.01
    assert facts["loss"] == "L1 + 0.2 D-SSIM + 10.0 opacity"
    with pytest.raises(TrainingError, match="other settings"):
        list(train_head(spoken_subject, SHORT, tmp_path / "with"))


def test_an_image_that_is_cut_short_is_found_before_the_training(spoken_subject, tmp_path):
    copy = tmp_path / "subject"
    shutil.copytree(spoken_subject.paths.root, copy)
    subject = load_subject(copy)
    path = subject.paths.image(subject.train[30].img_id)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SubjectError, match=f"{path.name}.*cut short"):
        next(train_head(subject, SHORT, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def stopped(spoken_subject, tmp_path_factory):
    """The checkpoint of a run that was stopped after one iteration."""
    folder, stop = tmp_path_factory.mktemp("stopped"), threading.Event()
    stop.set()
    list(train_head(spoken_subject, SHORT, folder, stop=stop))
    return RunPaths(folder).checkpoint(1)


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors, facts: facts.pop("means"),
        lambda tensors, facts: facts["config"].update(unknown=1),
        lambda tensors, facts: tensors.pop("poses"),
        lambda tensors, facts: tensors.update({"density/seen": torch.zeros(3)}),
        lambda tensors, facts: tensors.update({"poses": torch.zeros(2, 6)}),
        lambda tensors, facts: tensors.update({"head/driver": torch.zeros(99, dtype=torch.uint8)}),
        lambda tensors, facts: tensors["gaussians/sh"].fill_(float("inf")),
    ],
)
def test_checkpoints_that_do_not_fit_are_damaged(spoken_subject, tmp_path, stopped, damage):
    tensors, facts = load_tensors(stopped)
    damage(tensors, facts)
    save_tensors(RunPaths(tmp_path).checkpoint(1), tensors, facts)
    with pytest.raises(CheckpointError):
        list(train_head(spoken_subject, SHORT, tmp_path))
