"""The commands as a user types them, in this process."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest
import torch

from audioplane import __version__
from audioplane.cli import main
from audioplane.cli.commands import Command
from audioplane.credentials import read_credentials
from audioplane.drive import Talker
from audioplane.errors import MediaError
from audioplane.evaluate.syncnet import SyncNet
from audioplane.media.audio import read_audio, write_wav
from audioplane.run import open_run
from audioplane.train.config import PRESETS
from tests.perceptual.random_weights import random_weights
from tests.train.configs import TINY


def streams(path: Path) -> tuple[float, float, float]:
    """Length of images and sound in seconds, and the frame rate."""
    with av.open(str(path)) as file:
        n = sum(1 for _ in file.decode(video=0))
        rate = float(file.streams.video[0].average_rate or 0)
    return n / rate, len(read_audio(path)) / 16000, rate


def evaluate_tracked(run: Path, out: Path) -> list[str]:
    """The command that prints the scores of a run, poses as tracked."""
    return ["evaluate", str(run), "--out", str(out), "--poses", "tracked", "--json"]


def test_lips_move_as_far_as_asked(run_folder, spoken_subject, tmp_path, capsys):
    features = spoken_subject.features("mel")
    run = open_run(run_folder)
    talkers = {factor: Talker(run, articulation=factor) for factor in (0.0, 1.0, 2.0)}
    spread = {k: t.animator.codes(features).std(0).mean().item() for k, t in talkers.items()}
    assert spread[0.0] < 1e-6 < 1.2 * spread[1.0] < spread[2.0]
    arguments = ["drive", str(run_folder), str(spoken_subject.paths.audio)]
    arguments += ["--out", str(tmp_path / "o.mp4")]
    assert main([*arguments, "--articulation", "9"]) == 1
    assert "between 0 and 4" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", [0.3, 1.0, 7.03])
def test_drive_images_and_sound_end_together(run_folder, tmp_path, seconds):
    wav, out = tmp_path / "speech.wav", tmp_path / "out.mp4"
    rng = np.random.default_rng(0)
    write_wav(wav, (rng.standard_normal(round(16000 * seconds)) * 0.1).astype(np.float32))
    assert main(["drive", str(run_folder), str(wav), "--out", str(out)]) == 0
    images, sound, rate = streams(out)
    assert rate == 25
    assert abs(images - seconds) <= 0.04 + 1e-6
    assert abs(images - sound) <= 0.04 + 0.03  # and one AAC block of padding
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_evaluate_writes_metrics_page_and_videos(run_folder, tmp_path, capsys):
    arguments = ["evaluate", str(run_folder), "--out", str(tmp_path), "--json"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "metrics.json").read_text())
    for kind in ("tracked", "refined"):
        data = report[kind]
        assert data["n_frames"] == 5
        assert 10 < data["means"]["whole"]["psnr"] < 60
        assert any(note.startswith("lids: each held-out frame's own") for note in data["notes"])
        assert (tmp_path / kind / "contact_sheet.png").stat().st_size > 1000
        for name in ("recording.mp4", "render.mp4", "side_by_side.mp4"):
            images, sound, _ = streams(tmp_path / kind / name)
            assert images == 5 / 25 and abs(images - sound) < 0.07
        said = read_credentials(tmp_path / kind / "side_by_side.mp4")
        assert said is not None and said.intact and said.origin is not None and said.origin.marked
    made, speed = report["provenance"], report["speed"]
    assert made["audioplane"] == __version__ and made["seed"] == 0 and made["iteration"] == 80
    assert "torch" in made["versions"] and "AlexNet" in made["weights"]["LPIPS"]
    rates = [speed[name] for name in ("raster", "model_and_raster", "end_to_end")]
    assert min(rates) > 0 and 0 < speed["moving"] <= speed["gaussians"]
    page = (tmp_path / "report.html").read_text()
    for part in ("Side by side", "Training", "audio prototypes", "Dynamism", "data:video/mp4"):
        assert part in page
    assert "http" not in re.sub(r"LPIPS needs.*?<", "", page)
    # Refinement looks at the frames, so it cannot fit them worse.
    assert report["refined"]["means"]["face"]["psnr"] > report["tracked"]["means"]["face"]["psnr"]


def test_evaluate_fills_lpips_where_its_weights_are_named(run_folder, tmp_path, capsys):
    weights = random_weights(tmp_path / "weights")
    arguments = evaluate_tracked(run_folder, tmp_path)
    assert main([*arguments, "--lpips-weights", str(weights.folder)]) == 0
    report = json.loads(capsys.readouterr().out)["tracked"]
    assert report["means"]["whole"]["lpips"] > 0
    assert any("LPIPS" in note for note in report["notes"])
    assert main([*arguments, "--lpips-weights", str(tmp_path / "nowhere")]) == 1
    assert "alexnet" in capsys.readouterr().err


def test_evaluate_with_syncnet_names_what_is_missing(run_folder, tmp_path, capsys, monkeypatch):
    torch.save(SyncNet().state_dict(), tmp_path / "syncnet_v2.model")
    arguments = evaluate_tracked(run_folder, tmp_path)
    monkeypatch.setattr("audioplane.evaluate.tools.find_model", lambda model, path: None)
    assert main([*arguments, "--syncnet-weights", str(tmp_path)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["tracked"]["syncnet"]["confidence"] is None
    assert "face_landmarker.task" in data["tracked"]["empty"]["syncnet"]
    assert "syncnet_v2.model" in data["provenance"]["weights"]["SyncNet"]
    assert main([*arguments, "--syncnet-weights", str(tmp_path / "nowhere")]) == 1
    assert "robots.ox.ac.uk" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["evaluate", "{tmp}/none"], "no trained head"),
        (["evaluate", "{run}", "--subject", "{tmp}/none"], "pass --subject"),
        (["ablate", "{tmp}/none", "--out", "{tmp}/a"], "not a folder"),
        (["cross", "{tmp}/none", "--speech", "{wav}", "--out", "{tmp}/a"], "no trained head"),
        (["cross", "{run}", "--speech", "{tmp}/none.wav", "--out", "{tmp}/a"], "none.wav"),
        (["compare", "{wav}", "{tmp}/none.mp4", "--out", "{tmp}/a"], "none.mp4"),
    ],
)
def test_what_is_not_there_is_told_of_before_weights_are_looked_for(
    run_folder, spoken_subject, tmp_path, capsys, command, says
):
    names = {"tmp": tmp_path, "run": run_folder, "wav": spoken_subject.paths.audio}
    command = [argument.format(**names) for argument in command]
    assert main([*command, "--syncnet-weights", str(tmp_path / "nowhere")]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["drive", "{tmp}", "{tmp}/none.wav", "--out", "{tmp}/o.mp4"], "none.wav"),
        (["export", "{tmp}", "--ply", "{tmp}/a.ply", "--says", "{tmp}/none.wav"], "none.wav"),
        (["export", "{tmp}", "--web", "{tmp}/a", "--speech", "{tmp}/none.wav"], "none.wav"),
        (["preflight", "{tmp}/none.mp4", "--face-landmarker", "{tmp}/no.task"], "none.mp4"),
        (["train", "{tmp}/none", "--out", "{tmp}/r", "--preset", "paper", "--lpips-weights",
          "{tmp}/no"], "none is not a folder"),
        (["stress", "{run}", "--face-landmarker", "{tmp}/no.task"], "no.task"),
        (["ablate", "{subject}", "--out", "{tmp}/a", "--face-landmarker", "{tmp}/no.task"],
         "no.task"),
    ],
)  # fmt: skip
def test_a_file_that_is_missing_is_told_of_before_any_work(
    run_folder, spoken_subject, tmp_path, monkeypatch, capsys, command, says
):
    monkeypatch.setattr("audioplane.experiments.stress.run.Talker", pytest.fail)
    monkeypatch.setattr("audioplane.prepare.complete_subject", pytest.fail)
    names = {"tmp": tmp_path, "run": run_folder, "subject": spoken_subject.paths.root}
    assert main([argument.format(**names) for argument in command]) == 1
    assert says in capsys.readouterr().err


def test_a_moved_subject_can_be_named(run_folder, spoken_subject, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(spoken_subject.paths.root, moved)
    out, wav = tmp_path / "o.mp4", spoken_subject.paths.audio
    arguments = ["drive", str(run_folder), str(wav), "--out", str(out), "--subject", str(moved)]
    assert main(arguments) == 0 and out.exists()


def test_a_drive_that_is_terminated_leaves_nothing(
    run_folder, spoken_subject, tmp_path, monkeypatch, capsys
):
    write, before = Talker._frames, signal.signal(signal.SIGTERM, lambda *_: None)

    def terminated(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return write(*arguments)

    monkeypatch.setattr(Talker, "_frames", terminated)
    arguments = ["drive", str(run_folder), str(spoken_subject.paths.audio)]
    try:
        assert main([*arguments, "--out", str(tmp_path / "o.mp4")]) == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "stopped; nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_command_also_where_they_were_ignored(tmp_path, monkeypatch, capsys, number):
    before = signal.signal(number, signal.SIG_IGN)
    monkeypatch.setattr(
        "audioplane.prepare.prepare_subject", lambda *_: signal.raise_signal(number)
    )
    try:
        assert main(["prepare", "me.mp4", "--out", str(tmp_path)]) == 130
    finally:
        signal.signal(number, before)
    assert "stopped; the same command continues" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "{tmp}/nothing", "--out", "{tmp}/r"], "not a folder"),
        (["drive", "{tmp}", "{wav}", "--out", "{tmp}/o.mp4"], "no trained head"),
        (["drive", "{run}", "{tmp}/missing.wav", "--out", "{tmp}/o.mp4"], "missing.wav"),
        (["drive", "{run}", "{tmp}/text.wav", "--out", "{tmp}/o.mp4"], "text.wav"),
        (["drive", "{run}", "{wav}", "--out", "{tmp}/o.doc"], "o.doc"),
        (["drive", "{run}", "{wav}", "--out", "{tmp}/o.mp4", "--background", "#12"], "#12"),
        (
            ["drive", "{run}", "{wav}", "--out", "{tmp}/o.mp4", "--background", "transparent"],
            "webm",
        ),
        (["evaluate", "{tmp}"], "no trained head"),
        (["prepare", "{tmp}/missing.mp4", "--out", "{tmp}/s"], "missing.mp4"),
    ],
)
def test_what_goes_wrong_is_one_line(run_folder, spoken_subject, tmp_path, capsys, arguments, says):
    (tmp_path / "text.wav").write_text("not a sound")
    names = {"tmp": tmp_path, "run": run_folder, "wav": spoken_subject.paths.audio}
    before = set(tmp_path.rglob("*"))
    assert main([a.format(**names) for a in arguments]) == 1
    printed = capsys.readouterr().err
    assert says in printed.replace("\n", "") and "Traceback" not in printed
    assert "unexpected" not in printed
    left = {p.name for p in set(tmp_path.rglob("*")) - before}
    assert not {name for name in left if name.endswith((".mp4", ".partial"))}


def test_usage_errors_exit_with_2():
    with pytest.raises(SystemExit) as caught:
        main(["drive"])
    assert caught.value.code == 2


def test_help_names_every_command_and_each_has_its_own(capsys):
    def told(*command: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main([*command, "--help"])
        assert caught.value.code == 0
        return capsys.readouterr().out

    listed = told()
    for one in get_args(Command):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", get_args(one)[0].__name__).lower()
        assert f" {name} " in listed
        said = " ".join(told(name).replace("│", " ").split())
        assert f"usage: audioplane {name}" in said
        first = " ".join(get_args(one)[0].__doc__.split())[:30]
        assert first in said, name
        positional = re.search("positional arguments(.*?) options ", said)
        assert positional is None or "PATH" not in positional[1], name


def test_presets_are_the_ones_the_command_offers(tmp_path, capsys):
    for name in PRESETS:  # known names get as far as the missing subject
        missing = str(tmp_path / "none")
        assert main(["train", missing, "--out", str(tmp_path), "--preset", name]) == 1
        assert "not a folder" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["train", str(tmp_path), "--out", str(tmp_path), "--preset", "unknown"])
    assert caught.value.code == 2


@pytest.mark.parametrize("iterations", ["0", "-3"])
def test_no_iterations_are_refused(spoken_subject, tmp_path, capsys, iterations):
    root, out = str(spoken_subject.paths.root), tmp_path / "r"
    assert main(["train", root, "--out", str(out), f"--iterations={iterations}"]) == 1
    assert "at least 1" in capsys.readouterr().err and not out.exists()


def test_brackets_in_a_name_are_printed_as_they_are(tmp_path, capsys):
    name = str(tmp_path / "talk [dQw4] [/b].mp4")
    assert main(["prepare", name, "--out", str(tmp_path / "s")]) == 1
    assert "talk [dQw4] [/b].mp4" in capsys.readouterr().err


def test_another_subject_is_not_driven(run_folder, spoken_subject, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(spoken_subject.paths.root, other)
    transforms = other / "transforms_train.json"
    transforms.write_text(transforms.read_text().replace('"aud_id": 3,', '"aud_id": 4,'))
    out, wav = str(tmp_path / "o.mp4"), str(spoken_subject.paths.audio)
    arguments = ["drive", str(run_folder), wav, "--out", out]
    assert main([*arguments, "--subject", str(other)]) == 1
    assert "not the subject" in capsys.readouterr().err
    for command in (arguments, ["evaluate", str(run_folder)]):
        assert main([*command, "--subject", str(tmp_path / "gone")]) == 1
        assert "pass --subject" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error():
    """As in `audioplane prepare --help | head`."""
    command = [sys.executable, "-m", "audioplane", "prepare", "--help"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    _, errors = process.communicate()
    assert process.returncode == 1 and errors == b""


def test_version(capsys):
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


def test_a_demo_does_not_delete_what_is_not_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "demo", TINY)
    precious = tmp_path / "run" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    assert main(["demo", "--out", str(tmp_path), "--seconds", "2.4", "--size", "64"]) == 1
    assert precious.exists() and "another --out" in capsys.readouterr().err


def test_demo_leaves_video_sheet_and_table(tmp_path, monkeypatch):
    monkeypatch.setattr("audioplane.experiments.demo.SPOKEN_SECONDS", 2.0)
    monkeypatch.setitem(PRESETS, "demo", TINY)
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--seconds", "2.4", "--size", "64"]) == 0
    images, sound, _ = streams(out / "demo.mp4")
    assert images == 2.0 and abs(images - sound) < 0.07
    assert "MAC" in (out / "table.txt").read_text()
    assert (out / "contact_sheet.png").exists() and (out / "report.html").exists()


def test_a_demo_makes_the_subject_that_is_asked_for(tmp_path, monkeypatch):
    made = []

    def make(root, *args, **options):
        made.append(options)
        raise MediaError("made enough")

    monkeypatch.setattr("audioplane.experiments.demo.make_synthetic", make)
    for flags in ([], ["--long-hair", "--moving-body"]):
        assert main(["demo", "--out", str(tmp_path / "demo"), *flags]) == 1
    asked = [(m["long_hair"], m["moving_body"]) for m in made]
    assert asked == [(False, False), (True, True)]
