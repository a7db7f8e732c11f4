"""`audioplane fleet`."""

import json
import re
import shlex
from pathlib import Path

import pytest

from audioplane.cli import main
from audioplane.cli.fleet import SOME_FAILED, FleetRun, _shard
from audioplane.fleet.state import Failure, StepRecord, VideoState, write_state
from audioplane.fleet.store import Store


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("video,name,size\nnone.mp4,ann,256\nnothing.mp4,bob,\n")
    return str(path)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(manifest, tmp_path, capsys):
    store = tmp_path / "store"
    assert main(["fleet", "run", manifest, "--store", str(store), "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ann: new: prepare, train, evaluate, pack",
        "bob: new: prepare, train, evaluate, pack",
    ]
    assert not store.exists()


def test_videos_that_fail_are_told_kept_and_reported(manifest, tmp_path, capsys):
    store, page = str(tmp_path / "store"), tmp_path / "fleet.html"
    arguments = ["fleet", "run", manifest, "--store", store, "--scratch", str(tmp_path / "scratch")]
    assert main([*arguments, "--shard", "1/2"]) == 3
    said = capsys.readouterr().err
    assert "bob: failed at read the video" in said and "1 failed" in said and "ann:" not in said
    assert main([*arguments, "--shard", "1/2"]) == 3
    assert "1 failed before" in capsys.readouterr().err
    assert main(["fleet", "status", store, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["counts"] == {"waiting": 1, "failed": 1}
    assert facts["heads"]["bob"]["failure"]["kind"] == "MediaError"
    assert main(["fleet", "report", store, "--out", str(page)]) == 0
    assert "MediaError: 1" in page.read_text()


def test_a_dry_run_breaks_no_line(tmp_path, capsys):
    path, name = tmp_path / "people.csv", "ann" * 20
    path.write_text(f"video,name\nnone.mp4,{name}\n")
    store = str(tmp_path / "store")
    assert main(["fleet", "run", str(path), "--store", store, "--dry-run"]) == 0
    assert capsys.readouterr().out == f"{name}: new: prepare, train, evaluate, pack\n"


@pytest.mark.parametrize("asked", ["status", "report"])
def test_a_store_that_no_fleet_ever_had_is_refused(tmp_path, capsys, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    assert main(["fleet", asked, str(tmp_path / "heeds")]) == 1
    assert "knows of no video" in capsys.readouterr().err
    assert not (tmp_path / "fleet.html").exists()


def test_the_status_names_what_is_at_work(tmp_path, capsys):
    store = Store(str(tmp_path))
    write_state(store, VideoState("ann", "working", at="train 34%"))
    write_state(store, VideoState("bob", "done", steps={"train": StepRecord("k", 1.0)}))
    for i in range(7):
        failure = Failure("prepare", "PrepareError", f"no face {i} in {'a' * 99}.mp4")
        write_state(store, VideoState(f"c{i}", "failed", failure=failure))
    assert main(["fleet", "status", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "9 videos" in said and "ann train 34%" in said
    assert "PrepareError: 7" in said and "and 2 more" in said
    assert f"  c0: no face 0 in {'a' * 99}.mp4\n" in said


def test_the_help_says_that_tasks_need_no_shared_folders(capsys):
    with pytest.raises(SystemExit):
        main(["fleet", "run", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "fetch what they need from the store" in said and "same folders" not in said


@pytest.mark.parametrize("shard", ["2/2", "1", "a/b", "-1/2"])
def test_a_wrong_shard_is_refused_by_its_flag(manifest, tmp_path, capsys, shard):
    store = str(tmp_path / "store")
    assert main(["fleet", "run", manifest, "--store", store, f"--shard={shard}"]) == 1
    assert "--shard" in capsys.readouterr().err


def test_the_commands_in_the_documents_yaml_are_commands(monkeypatch, tmp_path):
    """Both files parse, and what they run is understood by the command line."""
    yaml = pytest.importorskip("yaml")
    text = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text()
    job, task = (yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", text, re.S))
    pod = job["spec"]["template"]["spec"]
    names = {v["name"] for v in pod["volumes"]}
    assert {m["name"] for m in pod["containers"][0]["volumeMounts"]} <= names
    (rule,) = [r for r in job["spec"]["podFailurePolicy"]["rules"] if "onExitCodes" in r]
    assert rule["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
    assert rule["onExitCodes"]["values"] == [SOME_FAILED]
    seen = []
    monkeypatch.setattr(FleetRun, "run", lambda self: seen.append(self))
    of_job = pod["containers"][0]["args"][0].replace("$JOB_COMPLETION_INDEX", "7")
    of_task = task["run"].replace("$SHARD", task["envs"]["SHARD"])
    for line in (of_job, of_task):
        command = re.search(r"audioplane (fleet run [^|]*)", line)[1]
        assert main(shlex.split(command)) == 0
    assert [_shard(command.shard) for command in seen] == [(7, 8), (0, 8)]
