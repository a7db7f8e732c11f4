"""Work that has to be complete."""

import multiprocessing
import os
import signal
import threading
import time

import pytest

from audioplane.errors import FleetError, StoreError, WorkError
from audioplane.executors import LocalExecutor, RayExecutor, SerialExecutor, complete
from audioplane.executors.local import _serve
from audioplane.progress import Progress, ignore

THREADS = os.environ.get("OMP_NUM_THREADS")
"""As this module is imported, like libraries that a program imports at its head."""


def threads(item, report, stop):
    return THREADS


def doubled(item, report, stop):
    report(Progress("double", item, 9))
    if item == 4:
        os._exit(3)
    return 2 * item


def waiting(item, report, stop):
    """Ends when it is told to, as work does that then puts what it has into a store."""
    while not stop.is_set():
        report(Progress("wait"))
        time.sleep(0.01)
    item.write_text("told to end")


def dying(item, report, stop):
    """Dies when it is told to end, as a process does that has just begun."""
    report(Progress("wait"))
    stop.wait(60)
    os._exit(3)


def interrupted(item, report, stop):
    """Whether Ctrl-C tells it to end."""
    signal.raise_signal(signal.SIGINT)
    return stop.is_set()


def failing(item, report, stop):
    """Raises as often as it is called, or returns what no other process can be sent."""
    folder, error = item
    (folder / str(time.time_ns())).touch()
    if error is not None:
        raise error
    return lambda: None


@pytest.mark.parametrize("executor", [SerialExecutor(), LocalExecutor(1)])
def test_all_results_come_with_their_progress(executor):
    seen = []
    assert dict(complete(executor, doubled, [1, 2, 3], str, seen.append)) == {1: 2, 2: 4, 3: 6}
    assert [progress.done for progress in seen] == [1, 2, 3]


def test_an_item_that_is_lost_is_named():
    with pytest.raises(WorkError, match=r"number 4: its process died \(exit code 3\)"):
        [*complete(LocalExecutor(1, retries=0), doubled, [4], "number {}".format, print)]


@pytest.mark.parametrize(
    "error, tries, said",
    [
        (ValueError("no"), 1, "ValueError: no"),
        (StoreError("no"), 3, "StoreError: no"),
        (None, 1, "pickle"),
    ],
)
def test_only_what_may_help_is_tried_again(tmp_path, error, tries, said):
    with pytest.raises(WorkError, match=said):
        [*complete(LocalExecutor(1), failing, [(tmp_path, error)], str, print)]
    assert len([*tmp_path.iterdir()]) == tries


def test_processes_have_their_threads_before_they_import_anything(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert dict(complete(LocalExecutor(1, cores=3), threads, [0], str, print)) == {0: "3"}
    assert "OMP_NUM_THREADS" not in os.environ


def test_there_are_processes_for_the_cores_that_may_be_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 5, 7, 8}, raising=False)
    assert LocalExecutor().slots == 2


def test_work_that_dies_as_it_is_told_to_end_is_not_lost():
    stop = threading.Event()
    executor = LocalExecutor(1, retries=0)
    assert not [*executor.run(dying, [1], lambda item, progress: stop.set(), stop)]


def test_ctrl_c_is_for_the_driver_alone():
    assert dict(complete(LocalExecutor(1), interrupted, [1], str, ignore)) == {1: False}


def test_work_whose_driver_dies_is_told_to_end(tmp_path):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, waiting))
    process.start()
    there.close()
    here.send(tmp_path / "end.txt")
    assert here.recv()[0] == "progress"
    here.close()
    process.join(60)
    assert process.exitcode == 0
    assert (tmp_path / "end.txt").read_text() == "told to end"


def test_executors_that_could_run_nothing_are_refused():
    with pytest.raises(FleetError, match="jobs=-1: choose"):
        LocalExecutor(-1)
    with pytest.raises(FleetError, match="cpus=0 and gpus=0: choose"):
        RayExecutor(cpus=0)
