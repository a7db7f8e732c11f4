"""`audioplane cross`, `audioplane stress` and the warning of `drive`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from audioplane.cli import main
from audioplane.credentials import read_credentials
from audioplane.errors import WorkError
from audioplane.evaluate.mouth.view import LandmarkerView, ReaderView
from audioplane.executors import SerialExecutor
from audioplane.executors.executor import Lost
from audioplane.experiments.cross import cross
from audioplane.experiments.cross.report import OWN, RECORDING
from audioplane.media.audio import write_wav
from audioplane.media.video import probe_video
from audioplane.run import read_head, write_head
from audioplane.synthetic import make_synthetic_sentence
from audioplane.train.run import train_head
from tests.train.configs import TINY


@pytest.fixture(scope="module")
def run_folder(spoken_subject, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("driven") / "run"
    list(train_head(spoken_subject, replace(TINY, fine_iterations=10), out))
    return out


def test_every_head_speaks_every_speech(run_folder, tmp_path, capsys):
    speech, out = tmp_path / "a voice.wav", tmp_path / "out"
    write_wav(speech, make_synthetic_sentence(0.8, seed=5).waveform)
    run = str(run_folder)
    assert main(["cross", run, run, "--speech", str(speech), "--out", str(out), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["speech"] for row in rows] == 2 * [RECORDING, OWN, speech.name]
    assert len({row["head"] for row in rows}) == 2
    assert all("authors' weights" in row["syncnet"]["empty"] for row in rows)
    assert rows[2]["seconds"] == 0.8 and rows[2]["moved"] >= 0 and rows[0]["moved"] is None
    videos = {row["film"] for row in rows} - {None}
    assert videos == {path.name for path in out.glob("*.mp4")} and len(videos) == 2
    assert probe_video(out / min(videos)).has_audio
    assert "a voice.wav" in (out / "cross.html").read_text()
    wrong, none = str(tmp_path / "none.wav"), tmp_path / "none"
    assert main(["cross", run, "--speech", str(speech), wrong, "--out", str(none)]) == 1
    assert "none.wav" in capsys.readouterr().err and not none.exists()
    moved = ["--subjects", str(tmp_path)]
    assert main(["cross", run, run, "--speech", str(speech), "--out", str(out), *moved]) == 1
    assert "one for each" in capsys.readouterr().err


def test_each_head_is_opened_once_before_the_work(run_folder, tmp_path, monkeypatch):
    opened = []

    def read(path):
        opened.append(path)
        return read_head(path)

    monkeypatch.setattr("audioplane.run.run.read_head", read)
    monkeypatch.setattr("audioplane.experiments.cross.run._head_rows", lambda *_: [])
    command = ["cross", str(run_folder), str(run_folder), "--speech", "--out", str(tmp_path)]
    assert main([*command, "--json"]) == 0
    assert len(opened) == 2


def test_heads_that_spoke_are_kept_where_another_is_lost(run_folder, tmp_path):
    class LosingTheSecond(SerialExecutor):
        def run(self, work, items, heard, stop):
            first, second = items
            yield from super().run(work, [first], heard, stop)
            yield second, Lost("its machine is gone")

    with pytest.raises(WorkError, match="its machine is gone"):
        cross([run_folder, run_folder], [], tmp_path, device="cpu", executor=LosingTheSecond())
    rows = json.loads((tmp_path / "cross.json").read_text())["rows"]
    assert [row["speech"] for row in rows] == [RECORDING, OWN]


def test_speeches_of_one_name_have_videos_and_rows_of_their_own(run_folder, tmp_path, capsys):
    files = []
    for i, folder in enumerate(("en", "fr")):
        (tmp_path / folder).mkdir()
        files.append(str(tmp_path / folder / "talk.wav"))
        write_wav(Path(files[-1]), make_synthetic_sentence(0.4 + 0.4 * i, seed=i).waveform)
    out = tmp_path / "out"
    command = ["cross", str(run_folder), "--speech", *files, "--out", str(out), "--json"]
    assert main([*command, "--executor", "local"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["speech"] for row in rows[2:]] == ["en/talk.wav", "fr/talk.wav"]
    videos = [out / row["film"] for row in rows[2:]]
    assert len(set(videos)) == 2 and all(video.exists() for video in videos)
    lengths = [probe_video(video).duration for video in videos]
    assert lengths == [pytest.approx(0.4, abs=0.05), pytest.approx(0.8, abs=0.05)]
    said = read_credentials(videos[0])
    assert said is not None and said.intact and said.origin is not None and said.origin.marked


def test_cross_takes_the_consent_that_its_message_asks_for(run_folder, tmp_path, capsys):
    silent, speech = tmp_path / "run", tmp_path / "a.wav"
    shutil.copytree(run_folder, silent)
    trained = read_head(silent / "head.safetensors")
    write_head(silent / "head.safetensors", replace(trained, consent=""))
    write_wav(speech, make_synthetic_sentence(0.4, seed=5).waveform)
    subject = json.loads((run_folder / "config.json").read_text())["subject"]
    moved = ["--subjects", str((run_folder / subject).resolve())]
    out = tmp_path / "out"
    command = ["cross", str(silent), "--speech", str(speech), "--out", str(out), *moved]
    assert main(command) == 1
    assert "--consent" in capsys.readouterr().err
    assert main([*command, "--consent", "Ann, to this"]) == 0
    said = read_credentials(next(out.glob("*.mp4")))
    assert said is not None and said.origin is not None and said.origin.consent == "Ann, to this"


def test_stress_says_whether_the_mouth_rests(run_folder, monkeypatch, capsys):
    monkeypatch.setattr("audioplane.experiments.stress.run.SECONDS", 0.6)
    monkeypatch.setattr("audioplane.experiments.stress.run._SILENCE", 1.2)
    monkeypatch.setattr("audioplane.experiments.stress.run._NOISE", 0.4)
    begun = []
    for kind in (ReaderView, LandmarkerView):
        monkeypatch.setattr(kind, "restart", lambda view: begun.append(view))
    assert main(["stress", str(run_folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    names = ["training speech", "silence", "pause in speech", "noise", "music", "shouting"]
    assert [row["name"] for row in report["rows"]] == names
    rests = report["rests"]
    assert len(begun) == len(names) + len(rests) + 1  # sequences, the recording's too
    assert [rest["name"] for rest in rests] == ["silence", "room noise", "breath", "music"]
    still = sum(rest["quiver"] is not None for rest in rests)
    assert report["usual_move"] > 0 and len(report["findings"]) == 9 + len(rests) + still
    assert "silence" in (run_folder / "stress" / "stress.html").read_text()
