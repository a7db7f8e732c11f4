import os
import subprocess
import sys

import pytest

from audioplane.cli import main
from audioplane.cli.arguments import ExecutorArguments, with_home
from audioplane.errors import FleetError


@pytest.mark.parametrize(
    ("argument", "expanded"),
    [
        ("--out=~/x", "--out=/home/me/x"),
        ("~/x", "/home/me/x"),
        ("a=~/x", "a=~/x"),
        ("--out", "--out"),
        ("x~y", "x~y"),
    ],
)
def test_home_is_expanded_in_one_place(monkeypatch, argument, expanded):
    """`--out=~/x` once made a folder named `~`."""
    monkeypatch.setenv("HOME", "/home/me")
    assert with_home(argument) == expanded


def test_terminals_with_few_characters_get_replacements(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "audioplane", "inspect", str(tmp_path / "\u672c")],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
    )
    assert result.returncode == 1 and b"Unicode" not in result.stderr and b"?" in result.stderr


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (["--out", "x.avi"], ".mp4, .mov, .mkv, .webm"),
        (["--out", "x.mp4", "--crf", "99"], "no quality"),
        (["--out", "speech.mp4"], "would be overwritten"),
        (["--out", "folder.mp4"], "it is a folder"),
        (["--out", "x.mp4", "--poses", "p.csv", "--seed", "3"], "--seed 3 chooses among"),
    ],
)
def test_options_are_checked_before_the_head_is_opened(tmp_path, monkeypatch, capsys, extra, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    assert main(["drive", "no-run", "speech.mp4", *extra]) == 1
    assert word in capsys.readouterr().err


def test_a_sound_track_of_features_is_refused(capsys):
    assert main(["drive", "no-run", "x.npy", "--out", "x.mp4", "--audio-track", "7"]) == 1
    assert "--audio-track 7: x.npy has no sound tracks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"jobs": 4}, "jobs=4 is for executor=local"),
        ({"executor": "ray", "jobs": 4}, "jobs=4 is for executor=local"),
        ({"ray_address": "auto"}, "ray_address=auto is for executor=ray"),
        ({"executor": "local", "gpus": 0.5}, "gpus=0.5 is for executor=ray"),
        ({"executor": "local", "cpus": 4}, "cpus=4 is for executor=ray"),
    ],
)
def test_settings_of_another_executor_are_refused(given, word):
    with pytest.raises(FleetError, match=word):
        ExecutorArguments(**given).open()
    assert ExecutorArguments("local", jobs=4).open().slots == 4


def test_libraries_have_as_many_threads_as_a_container_has_cores(monkeypatch):
    for cores, threads in ((2, "2"), (64, None)):
        monkeypatch.setattr(os, "environ", {**os.environ})
        for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
            os.environ.pop(name, None)
        monkeypatch.setattr(os, "cpu_count", lambda: 64)
        monkeypatch.setattr("audioplane.cli.cores", lambda cores=cores: cores)
        assert main(["--version"]) == 0
        assert os.environ.get("NUMBA_NUM_THREADS") == os.environ.get("OMP_NUM_THREADS") == threads
