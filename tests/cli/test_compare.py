import json

import pytest

from audioplane.cli import main
from audioplane.media.audio import write_wav
from tests.experiments.compare.conftest import read_drawn_mouths
from tests.experiments.compare.videos import face_frames, voice, write

N = 30


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    """No weights, and drawn faces are found without a model file."""
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path / "cache")
    monkeypatch.delenv("AUDIOPLANE_ASSETS", raising=False)
    read_drawn_mouths(monkeypatch)


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("videos")
    frames = face_frames(N)
    truth = write(folder / "truth.mp4", frames, voice(N))
    return str(truth), str(write(folder / "copy.mp4", frames, None))


def test_two_reports_and_json(videos, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["compare", *videos, "--names", "ER-NeRF", "--out", str(out), "--json"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert data["videos"][0]["paper"]["method"] == "ER-NeRF"
    assert json.loads((out / "comparison.json").read_text()) == data
    assert (out / "comparison.html").read_text().startswith("<!doctype html>")
    assert {p.name for p in out.iterdir()} == {"comparison.json", "comparison.html"}
    assert "without SyncNet: syncnet_v2.model not found" in captured.err
    assert "; --download fetches it" in captured.err


def test_the_table(videos, tmp_path, capsys):
    assert main(["compare", *videos, "--out", str(tmp_path)]) == 0
    assert "copy: no sound: SyncNet is given the ground truth's" in capsys.readouterr().out


@pytest.mark.parametrize(
    "extra, word",
    [
        (["--names", "a", "b"], "2 names for 1 videos"),
        (["--syncnet-weights", "nowhere"], "give the path of syncnet_v2.model"),
        (["--openface", "a.csv"], "1 OpenFace tables for 2 videos"),
    ],
)
def test_wrong_options_are_one_line(videos, tmp_path, capsys, extra, word):
    assert main(["compare", *videos, "--out", str(tmp_path / "out"), *extra]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("audioplane: ") and word in last
    assert not (tmp_path / "out").exists()


def test_wrong_files_are_one_line(videos, tmp_path, capsys):
    truth, copy = videos
    sound = tmp_path / "speech.wav"
    write_wav(sound, voice(N))
    for videos, word in (
        ([truth], "one video is no comparison"),
        ([truth, str(sound)], "has no video track"),
        ([truth, str(tmp_path / "none.mp4")], "is not a file"),
        ([truth, copy, copy], "two videos are called copy"),
    ):
        assert main(["compare", *videos, "--out", str(tmp_path / "out")]) == 1
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert last.startswith("audioplane: ") and word in last
    assert not (tmp_path / "out").exists()


def test_what_could_not_be_scored_is_said_at_the_end(videos, tmp_path, capsys):
    truth, copy = videos
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    assert main(["compare", truth, copy, str(broken), "--out", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert "copy" in captured.out and (tmp_path / "out" / "comparison.html").exists()
    assert "not all videos were scored: broken" in captured.err


def test_a_place_where_nothing_can_be_written_is_told_before_any_work(
    videos, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("audioplane.experiments.compare.run._scan", lambda *_: pytest.fail())
    (tmp_path / "file").write_text("")
    assert main(["compare", *videos, "--out", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err
