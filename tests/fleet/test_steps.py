"""Real steps on tiny heads: what they leave in the store, and bits after interruptions."""

import json
import shutil
import sys
import threading
from dataclasses import replace

import numba
import pytest

from audioplane.errors import StoreError
from audioplane.executors import SerialExecutor
from audioplane.fleet import Entry, FleetOptions, LocalExecutor, Store, fleet_status, run_fleet
from audioplane.fleet.job import VideoJob
from audioplane.fleet.page import fleet_page
from audioplane.fleet.steps import (
    _completed_subject,
    fetched_run,
    fetched_subject,
    publish_subject,
    run_folder,
    subject_folder,
)
from audioplane.progress import ignore
from audioplane.run import open_run
from audioplane.train.run import train_head
from tests.fleet.small_heads import STEPS, TRAIN, TrainStep, UnpackStep, archived
from tests.train.configs import TINY


@pytest.fixture(scope="session")
def video(spoken_subject, tmp_path_factory):
    return archived(spoken_subject, tmp_path_factory.mktemp("videos") / "ann.tar")


@pytest.fixture(scope="session")
def true_head(spoken_subject, tmp_path_factory) -> bytes:
    """The head of a training that nobody interrupted."""
    out = tmp_path_factory.mktemp("true") / "run"
    list(train_head(spoken_subject, TINY, out))
    return (out / "head.safetensors").read_bytes()


@pytest.fixture
def options(tmp_path) -> FleetOptions:
    return FleetOptions(scratch=tmp_path / "scratch", device="cpu", sync_every=0.0, steps=STEPS)


def test_a_video_becomes_a_head_in_the_store(video, true_head, options, tmp_path, monkeypatch):
    monkeypatch.setattr("audioplane.evaluate.speed.SECONDS", 0.4)
    monkeypatch.setattr("audioplane.evaluate.speed._ROUNDS", 2)
    store = Store(str(tmp_path / "store"))
    entry = Entry(str(video), "ann")
    result = run_fleet([entry], store, executor=SerialExecutor(), options=options)
    assert result.count("done") == 1, result.outcomes
    assert store.read("heads/ann/run/head.safetensors") == true_head
    assert open_run(tmp_path / "store/heads/ann/ann.head").packed
    assert store.list("heads/ann/checkpoint") == []
    assert {"report.html", "metrics.json"} <= set(store.list("heads/ann/evaluation"))
    state = fleet_status(store).states["ann"]
    assert {"psnr", "ssim", "megabytes"} <= set(state.figures)
    page = fleet_page(store)
    assert page.count('<img src="data:image/jpeg') == 1 and "1 done" in page
    # Another seed needs the subject again, which is in the store alone.
    options = replace(options, steps=(UnpackStep(), TrainStep({"laptop": TINY})))
    changed = replace(entry, seed=1, expression="upper-face")
    again = run_fleet([changed], store, executor=SerialExecutor(), options=options)
    assert again.outcomes[0].steps == ("train",)
    settings = json.loads(store.read("heads/ann/run/config.json"))["config"]
    assert settings["model"]["expression"] == "upper-face"
    assert store.read("heads/ann/run/head.safetensors") != true_head


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there")
@pytest.mark.parametrize("same_machine", [True, False], ids=["same machine", "another"])
def test_a_killed_training_goes_on_and_ends_with_the_same_bits(
    video, true_head, options, tmp_path, same_machine
):
    """A process is killed in iteration 50, after a checkpoint in 30; another one takes over."""
    store = Store(str(tmp_path / "store"))
    dying = replace(TRAIN, dies_at=50, mark=str(tmp_path / "died"))
    options = replace(options, steps=(UnpackStep(), dying))
    retries = 1 if same_machine else 0
    entry = Entry(str(video), "ann")
    here = LocalExecutor(1, cores=numba.get_num_threads(), retries=retries)
    result = run_fleet([entry], store, executor=here, options=options)
    if not same_machine:
        assert result.count("lost") == 1
        assert len(store.list("heads/ann/checkpoint")) == 1
        heard = []
        options = replace(options, scratch=tmp_path / "elsewhere", steps=(UnpackStep(), TRAIN))
        result = run_fleet(
            [entry],
            store,
            executor=Hearing(heard),
            options=options,
        )
        assert heard[1] == 40  # the first is before it begins
    assert result.count("done") == 1, result.outcomes
    assert store.read("heads/ann/run/head.safetensors") == true_head
    assert store.list("heads/ann/checkpoint") == []


class AgainTrainStep(TrainStep):
    """Finds its training complete, as where a machine is lost right after that."""

    def run(self, job):
        super().run(job)
        return super().run(job)


def test_a_training_that_was_complete_has_figures_that_are_json(video, options, tmp_path):
    store = Store(str(tmp_path / "store"))
    options = replace(options, steps=(UnpackStep(), AgainTrainStep({"laptop": TINY})))
    result = run_fleet(
        [Entry(str(video), "ann")], store, executor=SerialExecutor(), options=options
    )
    assert result.count("done") == 1, result.outcomes
    state = json.loads(store.read("state/ann.json"), parse_constant=pytest.fail)
    assert state["stage"] == "done"


@pytest.fixture
def job(tmp_path) -> VideoJob:
    """Of a head with a small run and no more."""
    store = Store(str(tmp_path / "store"))
    for name in ("head.safetensors", "config.json", "events.jsonl"):
        store.write(f"heads/ann/run/{name}", b"whole")
    keys = {step.name: step.name for step in STEPS}
    return VideoJob(
        Entry("ann.tar", "ann"), store, tmp_path / "here", keys, ignore, threading.Event()
    )


def test_the_head_so_far_of_a_training_that_ended_elsewhere_is_not_evaluated(job):
    head = run_folder(job) / "head.safetensors"
    head.parent.mkdir(parents=True)
    head.write_bytes(b"half")
    assert fetched_run(job) == head.parent and head.read_bytes() == b"whole"
    job.store.remove("heads/ann/run/config.json")
    with pytest.raises(StoreError, match="run was removed: run again"):
        fetched_run(job)


def test_what_a_training_adds_to_a_subject_is_there_for_other_machines(
    job, spoken_subject, tmp_path
):
    shutil.copytree(spoken_subject.paths.root, subject_folder(job))
    (features,) = subject_folder(job).glob("*mel*")
    features.unlink()
    publish_subject(job)
    _completed_subject(job, TINY)
    assert features.exists()
    assert (fetched_subject(replace(job, scratch=tmp_path / "there")) / features.name).exists()


class Hearing(SerialExecutor):
    """Keeps the iterations that the training reports."""

    def __init__(self, heard: list):
        self.heard = heard

    def run(self, work, items, heard, stop):
        def listen(item, progress):
            if progress.task == "train":
                self.heard.append(progress.done)

        return super().run(work, items, listen, stop)
