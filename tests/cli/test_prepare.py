"""Errors where a video cannot be prepared: one line, exit 1, no partial files."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from audioplane.cli import main
from audioplane.media.audio import write_wav
from tests.face.figure import SIZE, DrawnFaces, draw
from tests.prepare.conftest import find_drawn_faces, write_clip, write_silent_track_first

WALL = np.full((SIZE, SIZE, 3), 90, np.uint8)


@pytest.fixture(autouse=True)
def drawn_faces(monkeypatch):
    find_drawn_faces(monkeypatch)
    monkeypatch.setattr("audioplane.face.landmarker.Landmarker", DrawnFaces)
    monkeypatch.setattr("audioplane.assets.require_model", lambda model, given=None: Path("none"))


def few(path: Path) -> Path:
    return write_clip(path, [draw(i) for i in range(10)])


def mostly_hidden(path: Path) -> Path:
    return write_clip(path, [draw(i) for i in range(4)] + [WALL] * 40)


def text(path: Path) -> Path:
    path.write_text("this is no video")
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def cut_short(path: Path) -> Path:
    write_clip(path)
    path.write_bytes(path.read_bytes()[:3000])
    return path


def sound_alone(path: Path) -> Path:
    write_wav(path, (0.1 * np.sin(np.arange(16000) / 5)).astype(np.float32))
    return path


def missing(path: Path) -> Path:
    return path


HOPELESS = [
    (lambda path: write_clip(path, [WALL] * 30), "no face was found"),
    (lambda path: write_clip(path, sound=None), "no sound track"),
    (lambda path: write_clip(path, sound=False), "sound track is silent"),
    (few, "at least 0.88 s are needed"),
    (mostly_hidden, "mostly hidden"),
]
UNREADABLE = [
    (text, "no readable media file"),
    (empty, "no readable media file"),
    (cut_short, "it may be incomplete, copy it again"),
    (sound_alone, "no video track"),
    (missing, "not a file"),
]


@pytest.mark.parametrize(("make", "says"), HOPELESS + UNREADABLE)
def test_a_video_that_cannot_be_prepared_is_one_line(tmp_path, capsys, make, says):
    clip, out = make(tmp_path / "me.mp4"), tmp_path / "s"
    assert main(["prepare", str(clip), "--out", str(out)]) == 1
    printed = capsys.readouterr().err
    lines = [line for line in printed.splitlines() if line.startswith("audioplane: ")]
    assert len(lines) == 1 and says in lines[0] and "me.mp4" in lines[0]
    assert "Traceback" not in printed and "unexpected" not in printed
    left = {p.name for p in out.rglob("*") if p.is_file()}
    assert left <= {"prepare.json", "preflight.html"}


@pytest.mark.parametrize(("make", "says"), UNREADABLE)
def test_an_unreadable_video_leaves_no_folder_behind(tmp_path, make, says):
    clip, out = make(tmp_path / "me.mp4"), tmp_path / "new" / "s"
    assert main(["prepare", str(clip), "--out", str(out)]) == 1
    assert not out.parent.exists()


@pytest.mark.parametrize(("make", "says"), HOPELESS)
def test_a_hopeless_clip_is_refused_before_the_long_work(tmp_path, capsys, make, says):
    clip, out = make(tmp_path / "me.mp4"), tmp_path / "s"
    assert main(["prepare", str(clip), "--out", str(out)]) == 1
    assert "--force goes on all the same" in capsys.readouterr().err
    assert says in (out / "preflight.html").read_text(encoding="utf-8")
    assert json.loads((out / "prepare.json").read_text())["done"] == {}
    # With --force it goes on, to where nothing can be done any more.
    assert main(["prepare", str(clip), "--out", str(out), "--force"]) == 1
    assert "--force" not in capsys.readouterr().err
    assert "preflight" in json.loads((out / "prepare.json").read_text())["done"]


def test_a_read_only_folder_is_one_line(tmp_path, capsys, monkeypatch):
    def refuse(self, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    clip = write_clip(tmp_path / "me.mp4")
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert main(["prepare", str(clip), "--out", str(tmp_path / "s")]) == 1
    assert "cannot be written (Read-only file system)" in capsys.readouterr().err
    assert main(["preflight", str(clip), "--out", str(tmp_path / "s")]) == 1
    assert "cannot be written: Read-only file system" in capsys.readouterr().err


@pytest.mark.parametrize(("make", "says"), UNREADABLE)
def test_preflight_of_what_is_no_video_is_one_line(tmp_path, capsys, make, says):
    clip = make(tmp_path / "me.mp4")
    assert main(["preflight", str(clip)]) == 1
    assert says in capsys.readouterr().err


def test_preflight_refuses_a_place_for_its_page_before_the_work(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    clip = write_clip(tmp_path / "clip.mp4")
    assert main(["preflight", str(clip), "--out", str(tmp_path / "file")]) == 1
    said = capsys.readouterr()
    assert "file is not a folder" in said.err and "preflight" not in said.out


def test_preflight_prints_the_verdict_and_leaves_the_page(tmp_path, capsys):
    clip = write_clip(tmp_path / "me.mp4")
    assert main(["preflight", str(clip), "--out", str(tmp_path / "report")]) == 0
    printed = capsys.readouterr()
    assert "me.mp4: can be used for training" in printed.out and "film minutes" in printed.out
    first, *others = printed.out.splitlines()
    assert first.startswith("me.mp4") and max(map(len, others)) > 80
    assert all(line.startswith(" ") for line in others)  # none is broken
    assert (tmp_path / "report" / "preflight.html").stat().st_size > 10_000

    assert main(["preflight", str(clip), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["name"] == "me.mp4" and facts["verdict"] == "warning"


def test_preflight_of_a_hopeless_clip_says_so(tmp_path, capsys):
    clip = write_clip(tmp_path / "me.mp4", sound=None)
    assert main(["preflight", str(clip), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "hopeless"


def test_a_sound_track_is_chosen_by_its_number(tmp_path, capsys):
    clip = write_silent_track_first(tmp_path / "two.mp4")
    assert main(["preflight", str(clip)]) == 0
    assert "--audio-track …" in " ".join(capsys.readouterr().out.split())
    for command in ("preflight", "prepare"):
        out = ["--out", str(tmp_path / command)]
        assert main([command, str(clip), "--audio-track", "1", *out]) == 1
        printed = capsys.readouterr()
        assert "is silent" in " ".join((printed.out + printed.err).split())
