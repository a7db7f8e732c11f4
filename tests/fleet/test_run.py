"""A fleet's run: idempotent, and one video stops no other."""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from audioplane.errors import FleetError, StoreError
from audioplane.executors import SerialExecutor
from audioplane.fleet import Entry, FleetOptions, LocalExecutor, fleet_status, run_fleet
from audioplane.fleet.job import Removed
from audioplane.fleet.scratch import claimed, local_video
from audioplane.fleet.state import VideoState, read_state, write_state
from audioplane.fleet.store import Store
from tests.fleet.simulated import STEPS, SmallStep


@pytest.fixture
def fleet(tmp_path):
    """Three videos and their options."""
    entries = []
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.mp4").write_text(name)
        entries.append(Entry(str(tmp_path / f"{name}.mp4"), name))
    options = FleetOptions(scratch=tmp_path / "scratch", steps=STEPS)
    return entries, Store(str(tmp_path / "store")), options


def steps_done(result) -> dict[str, tuple[str, ...]]:
    return {o.name: o.steps for o in result.outcomes}


def test_a_second_run_does_nothing_and_a_third_what_changed(fleet, tmp_path):
    entries, store, options = fleet
    everything = ("prepare", "train", "evaluate", "pack")

    def run(these, **changes):
        return run_fleet(
            these, store, executor=SerialExecutor(), options=replace(options, **changes)
        )

    first = run(entries)
    assert steps_done(first) == dict.fromkeys("abc", everything)
    assert first.count("done") == 3
    second = run(entries)
    assert not second.outcomes and [p.need for p in second.planned] == ["done"] * 3
    # A seed is a matter of the training and of what follows.
    changed = [entries[0], replace(entries[1], seed=1), entries[2]]
    assert steps_done(run(changed)) == {"b": everything[1:]}
    # Another size is a matter of everything; a touched file, of nothing.
    changed[2] = replace(changed[2], size=256)
    Path(entries[0].video).touch()
    assert steps_done(run(changed)) == {"a": (), "c": everything}
    assert not run(changed).outcomes
    Path(entries[0].video).write_text("another a")
    assert steps_done(run(changed)) == {"a": everything}
    assert store.read("heads/a/pack.txt").startswith(b"another a")
    # A new video alone is work.
    (tmp_path / "d.mp4").write_text("d")
    changed.append(Entry(str(tmp_path / "d.mp4"), "d"))
    assert steps_done(run(changed)) == {"d": everything}
    assert not any((tmp_path / "scratch").rglob("*.mp4"))


def test_bad_videos_keep_their_reason_and_stop_no_other(fleet, tmp_path):
    entries, store, options = fleet
    Path(entries[0].video).write_text("bad at prepare")
    Path(entries[1].video).write_text("defect at train")
    entries.append(Entry(str(tmp_path / "none.mp4"), "none"))

    def run(retry=False):
        return run_fleet(
            entries, store, executor=SerialExecutor(), options=replace(options, retry_failed=retry)
        )

    result = run()
    assert {o.name: o.stage for o in result.outcomes} == {
        "a": "failed",
        "b": "failed",
        "c": "done",
        "none": "failed",
    }
    a, b, none = (read_state(store, name).failure for name in ("a", "b", "none"))
    assert (a.step, a.kind, a.message) == (
        "prepare",
        "PrepareError",
        "no face in it: film a person",
    )
    assert (b.step, b.kind) == ("train", "defect: ZeroDivisionError")
    assert "simulated.py" in b.trace
    assert (none.kind, none.step) == ("MediaError", "read the video")
    assert "none.mp4 cannot be read" in none.message
    # They are not tried again, unless that is asked for or something of them changes.
    assert not run().outcomes
    assert {o.name for o in run(retry=True).outcomes} == {"a", "b", "none"}
    Path(entries[0].video).write_text("good now")
    (tmp_path / "none.mp4").write_text("here now")
    assert {o.name: o.stage for o in run().outcomes} == {"a": "done", "none": "done"}
    status = fleet_status(store)
    assert status.counts == {"done": 3, "failed": 1}
    assert [s.name for s in status.failures["defect: ZeroDivisionError"]] == ["b"]


def test_a_video_whose_steps_are_all_done_ends_as_done(fleet):
    entries, store, options = fleet

    def run():
        return run_fleet(entries, store, executor=SerialExecutor(), options=options)

    run()
    os.utime(entries[0].video, (1, 1))
    write_state(store, replace(read_state(store, "b"), stage="working", at="pack"))
    again = run()
    assert steps_done(again) == {"a": (), "b": ()} and again.count("done") == 2
    assert read_state(store, "b").stage == "done" and not run().outcomes


def test_a_video_that_changed_is_made_again_by_the_run_after_one_that_died_reading_it(
    fleet, monkeypatch
):
    entries, store, options = fleet
    entries = entries[:1]

    def run():
        return run_fleet(entries, store, executor=SerialExecutor(), options=options)

    def dies(*_):
        raise SystemExit

    run()
    Path(entries[0].video).write_text("another a")
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr("audioplane.fleet.worker.local_video", dies)
        run()
    assert steps_done(run()) == {"a": ("prepare", "train", "evaluate", "pack")}


def test_a_head_outlives_its_video(fleet):
    entries, store, options = fleet

    def run(these):
        return run_fleet(these, store, executor=SerialExecutor(), options=options)

    run(entries)
    Path(entries[0].video).unlink()
    assert not run(entries).outcomes and read_state(store, "a").stage == "done"
    assert run([replace(entries[0], seed=1)]).count("failed") == 1


def test_what_was_lost_is_done_again_without_asking(fleet):
    entries, store, options = fleet

    class Losing(SerialExecutor):
        def run(self, work, items, heard, stop):
            from audioplane.fleet import Lost

            for item in items:
                yield item, Lost("its machine is gone")

    result = run_fleet(entries, store, executor=Losing(), options=options)
    assert result.count("lost") == 3
    assert fleet_status(store).failures["lost"][0].failure.message == "its machine is gone"
    assert run_fleet(entries, store, executor=SerialExecutor(), options=options).count("done") == 3


def test_a_fault_of_the_machine_loses_a_video_and_keeps_its_scratch(fleet, monkeypatch):
    entries, store, options = fleet
    Path(entries[0].video).write_text("full disk at train")
    monkeypatch.setattr("audioplane.fleet.worker.shutil.rmtree", pytest.fail)
    for _ in range(2):
        result = run_fleet(entries[:1], store, executor=SerialExecutor(), options=options)
        assert result.count("lost") == 1
        said = read_state(store, "a").failure.message
        assert said == "train: frame.jpg cannot be written (No space left on device)"


def test_videos_that_cannot_be_opened_or_reached_stop_no_other(fleet, monkeypatch):
    entries, store, options = fleet
    monkeypatch.setitem(sys.modules, "gcsfs", None)

    def video_of(video, scratch):
        if video == entries[0].video:
            raise StoreError(f"{video} cannot be read or written: try again")
        return local_video(video, scratch)

    monkeypatch.setattr("audioplane.fleet.worker.local_video", video_of)
    strange = [Entry("htp://host/d.mp4", "d"), Entry("gs://bucket/e.mp4", "e")]
    run_fleet([*entries, *strange], store, executor=SerialExecutor(), options=options)
    states = fleet_status(store).states
    assert {name: s.stage for name, s in states.items()} == {
        "a": "lost",
        "b": "done",
        "c": "done",
        "d": "failed",
        "e": "failed",
    }
    assert states["d"].failure.kind == "MediaError"
    assert states["e"].failure.kind == "InstallError" and "gcsfs" in states["e"].failure.message


def test_a_video_at_work_elsewhere_keeps_its_state(fleet, monkeypatch):
    entries, store, options = fleet
    write_state(store, VideoState("a", "working", at="train 34%"))
    before = store.read("state/a.json")
    monkeypatch.setattr("audioplane.fleet.worker.claimed", partial(claimed, wait=0.0))
    with claimed(options.scratch, store, "a"):
        result = run_fleet(entries[:1], store, executor=SerialExecutor(), options=options)
    assert result.count("stopped") == 1 and store.read("state/a.json") == before
    assert "another process works on a" in result.outcomes[0].failure.message


def test_an_interrupt_stops_the_video_and_the_run(fleet):
    entries, store, options = fleet
    Path(entries[0].video).write_text("interrupted at train")
    with pytest.raises(KeyboardInterrupt):
        run_fleet(entries, store, executor=SerialExecutor(), options=options)
    assert {n: s.stage for n, s in fleet_status(store).states.items()} == {"a": "stopped"}


@dataclass(frozen=True)
class PackAfterRemovalStep(SmallStep):
    """Misses once what the training put into the store."""

    def run(self, job):
        if job.store.read("missed") is None:
            job.store.write("missed", b"")
            raise Removed("run was removed: run again", "train")
        return super().run(job)


def test_what_was_removed_from_the_store_is_made_again(fleet):
    entries, store, options = fleet
    options = replace(options, steps=(*STEPS[:3], PackAfterRemovalStep("pack")))

    def run():
        return run_fleet(entries[:1], store, executor=SerialExecutor(), options=options)

    assert run().count("lost") == 1 and list(read_state(store, "a").steps) == ["prepare"]
    assert steps_done(run()) == {"a": ("train", "evaluate", "pack")}


def test_a_time_between_checkpoints_that_there_is_not_is_refused(fleet):
    entries, store, options = fleet
    for seconds in (-1.0, float("nan")):
        with pytest.raises(FleetError, match="sync_every"):
            run_fleet(entries, store, options=replace(options, sync_every=seconds))


def test_shards_do_disjoint_parts_and_know_of_all(fleet):
    entries, store, options = fleet
    for i in (1, 0):
        run_fleet(entries, store, executor=SerialExecutor(), options=replace(options, shard=(i, 2)))
        counts = fleet_status(store).counts
        assert counts == ({"waiting": 2, "done": 1} if i == 1 else {"done": 3})


def test_shards_in_concurrent_processes_share_a_store(tmp_path):
    """Three processes know nothing of each other; each video is done once."""
    rows = []
    for i in range(8):
        (tmp_path / f"v{i}.mp4").write_text("bad at train" if i == 5 else f"v{i}")
        rows.append(f"v{i}.mp4\n")
    (tmp_path / "list.csv").write_text("video\n" + "".join(rows))
    code = """
import sys
from pathlib import Path
from audioplane.fleet import FleetOptions, run_fleet
from tests.fleet.simulated import STEPS
from audioplane.executors import SerialExecutor
folder, index = Path(sys.argv[1]), int(sys.argv[2])
options = FleetOptions(shard=(index, 3), scratch=folder / "scratch", steps=STEPS)
run_fleet(folder / "list.csv", str(folder / "store"), executor=SerialExecutor(), options=options)
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, str(tmp_path)]
    shards = [subprocess.Popen([*command, str(i)], cwd=root) for i in range(3)]
    assert [shard.wait(120) for shard in shards] == [0, 0, 0]
    status = fleet_status(str(tmp_path / "store"))
    assert status.counts == {"done": 7, "failed": 1}
    by_worker = {}
    for name, state in status.states.items():
        by_worker.setdefault(state.worker, set()).add(name)
    assert sorted(map(sorted, by_worker.values())) == [
        ["v0", "v3", "v6"],
        ["v1", "v4", "v7"],
        ["v2", "v5"],
    ]


def test_progress_has_counts_and_time_left(fleet):
    entries, store, options = fleet
    told = []
    run_fleet(entries, store, executor=SerialExecutor(), options=options, report=told.append)
    ends = [p for p in told if p.outcome]
    assert [p.done for p in ends] == [1, 2, 3] and ends[-1].seconds_left == 0.0
    assert ends[0].seconds_left > 0 and told[0].at_work == {"a": "prepare"}


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there")
def test_processes_that_die_are_replaced_and_their_videos_tried_again(fleet, tmp_path):
    entries, store, options = fleet
    for name, deaths in (("a", 1), ("b", 9)):
        marks = tmp_path / f"marks-{name}"
        marks.mkdir()
        (tmp_path / f"{name}.mp4").write_text(f"dies at train\n{marks}\n{deaths}")
    executor = LocalExecutor(jobs=2, retries=1)
    result = run_fleet(entries, store, executor=executor, options=options)
    assert {o.name: o.stage for o in result.outcomes} == {"a": "done", "b": "lost", "c": "done"}
    lost = read_state(store, "b")
    assert lost.failure.step == "train" and "exit code -9" in lost.failure.message
    assert list(lost.steps) == ["prepare"]
    # The first step was done before the process died, and is not done again.
    assert steps_done(result)["a"] == ("train", "evaluate", "pack")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there")
def test_a_stopped_run_goes_on_later(fleet):
    entries, store, options = fleet
    Path(entries[1].video).write_text("waits at train")
    stop = threading.Event()

    def report(progress):
        if progress.at_work.get("b", "").startswith("train"):
            stop.set()

    result = run_fleet(
        entries,
        store,
        executor=LocalExecutor(jobs=2),
        options=options,
        report=report,
        stop=stop,
    )
    stages = {o.name: o.stage for o in result.outcomes}
    assert stages["b"] == "stopped"
    assert read_state(store, "b").stage == "stopped" and list(read_state(store, "b").steps) == [
        "prepare"
    ]
    Path(entries[1].video).write_text("b")
    assert run_fleet(entries, store, executor=SerialExecutor(), options=options).count("done") >= 1
    assert fleet_status(store).counts == {"done": 3}
