import os
import subprocess
import sys

import pytest

from audioplane.cli import main
from audioplane.cli.arguments import with_home


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
    ],
)
def test_outputs_are_checked_before_the_head_is_opened(tmp_path, monkeypatch, capsys, extra, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    assert main(["drive", "no-run", "speech.mp4", *extra]) == 1
    assert word in capsys.readouterr().err
