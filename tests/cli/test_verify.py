"""`audioplane verify` and the provenance of videos."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from audioplane.cli import main
from audioplane.credentials import Origin, own_test_signer, sign_video
from audioplane.mark import Marker, MarkPayload
from audioplane.media.audio import write_wav
from audioplane.media.video import read_frames
from audioplane.media.writer import VideoWriter
from audioplane.run import RunPaths, load_tensors, open_run, save_tensors
from tests.credentials.certificates import write_identity


@pytest.fixture
def silent_run(run_folder, tmp_path) -> Path:
    """A run whose head records no consent, like older ones."""
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    tensors, facts = load_tensors(RunPaths(run).head)
    facts["consent"] = ""
    save_tensors(RunPaths(run).head, tensors, facts)
    return run


@pytest.fixture
def speech(tmp_path) -> str:
    """Ten frames of noise."""
    path = tmp_path / "speech.wav"
    noise = np.random.default_rng(0).standard_normal(6400) * 0.1
    write_wav(path, noise.astype(np.float32))
    return str(path)


def verify(path: Path, capsys, *arguments: str) -> tuple[int, dict]:
    capsys.readouterr()
    status = main(["verify", str(path), "--json", *arguments])
    return status, json.loads(capsys.readouterr().out)


def marked_video(path: Path, key: bytes) -> Path:
    """A grey clip of three seconds, marked."""
    marker = Marker(192, 192, MarkPayload(5, 6), key)
    grey = np.full((192, 192, 3), 110, np.uint8)
    with VideoWriter(path, 192, 192) as video:
        for i in range(75):
            video.write(marker.mark(grey, i))
    return path


def test_a_driven_video_states_that_it_is_synthetic(
    run_folder, spoken_subject, speech, tmp_path, capsys
):
    out = tmp_path / "o.mp4"
    assert main(["drive", str(run_folder), speech, "--out", str(out)]) == 0
    assert "test certificate" in capsys.readouterr().err
    status, found = verify(out, capsys)
    credentials = found["credentials"]
    assert status == 0 and found["made_with_audioplane"] and credentials["intact"]
    origin = credentials["origin"]
    assert origin["consent"] == spoken_subject.info.consent == open_run(run_folder).consent
    assert origin["marked"] and len(origin["head"]) == len(origin["speech"]) == 64
    assert main(["verify", str(out)]) == 0
    text = capsys.readouterr().out
    assert "AI-generated" in text and "TEST certificate" in text and "drawn; no person" in text


def test_every_driven_frame_is_marked_unless_switched_off(run_folder, speech, tmp_path):
    videos = {}
    for name, options in {"with": [], "without": ["--no-mark", "--no-credentials"]}.items():
        path = tmp_path / f"{name}.mp4"
        arguments = ["drive", str(run_folder), speech, "--out", str(path), "--crf", "0"]
        assert main([*arguments, *options]) == 0
        videos[name] = list(read_frames(path))
    assert len(videos["with"]) == len(videos["without"]) == 10
    for a, b in zip(videos["with"], videos["without"], strict=True):
        assert 0.5 < (a.astype(float) - b).std() < 3


def test_reencoded_copies_keep_the_mark(tmp_path, capsys):
    key = tmp_path / "key"
    key.write_text("5a" * 32)
    copy = marked_video(tmp_path / "copy.mp4", b"\x5a" * 32)
    status, found = verify(copy, capsys, "--mark-key", str(key))
    assert status == 0 and found["credentials"] is None
    assert found["mark"]["payload"] == {"head": "00000005", "session": "00000006"}
    status, found = verify(copy, capsys)
    assert status == 0 and found["mark"]["found"] and found["mark"]["payload"] is None


def test_a_video_of_another_program_is_reported_as_such(tmp_path, capsys):
    path = tmp_path / "plain.mp4"
    with VideoWriter(path, 64, 64) as video:
        for i in range(60):
            video.write(np.full((64, 64, 3), 2 * i, np.uint8))
    status, found = verify(path, capsys)
    assert status == 1 and not found["mark"]["found"] and not found["made_with_audioplane"]
    assert main(["verify", str(path)]) == 1
    assert "none found" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "missing.mp4")]) == 1
    assert "missing.mp4" in capsys.readouterr().err


def test_a_changed_video_fails_verification(run_folder, speech, tmp_path, capsys):
    out = tmp_path / "o.mp4"
    assert main(["drive", str(run_folder), speech, "--out", str(out)]) == 0
    data = bytearray(out.read_bytes())
    data[-20] ^= 1
    out.write_bytes(data)
    status, found = verify(out, capsys)
    assert status == 1 and not found["credentials"]["intact"] and found["problems"]
    assert main(["verify", str(out)]) == 1
    assert "PROBLEM" in capsys.readouterr().out


def test_credentials_of_another_video_are_detected(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("AUDIOPLANE_MARK_KEY", str(tmp_path / "key"))
    (tmp_path / "key").write_text("5a" * 32)
    path = marked_video(tmp_path / "a.mp4", b"\x5a" * 32)
    origin = Origin("00000005" * 8, "00000007", True, "0" * 64, "me", "2026-01-01")
    sign_video(path, origin, own_test_signer())
    status, found = verify(path, capsys)
    assert status == 1 and "different" in found["problems"][0]


@pytest.mark.parametrize("marked", [True, False])
def test_a_mark_that_the_credentials_do_not_state_is_a_problem(tmp_path, capsys, marked):
    path, grey = tmp_path / "a.mp4", np.full((192, 192, 3), 110, np.uint8)
    if marked:
        marked_video(path, b"\x5a" * 32)
    else:
        with VideoWriter(path, 192, 192) as video:
            for _ in range(75):
                video.write(grey)
    origin = Origin("00" * 32, "0" * 8, not marked, "", "me", "2026-01-01")
    sign_video(path, origin, own_test_signer())
    status, found = verify(path, capsys)
    assert status == 1 and found["credentials"]["intact"] and not found["made_with_audioplane"]
    assert "the credentials state" in found["problems"][0]


def test_a_file_cut_short_still_tells_what_its_credentials_say(tmp_path, capsys):
    path = marked_video(tmp_path / "a.mp4", b"\x5a" * 32)
    origin = Origin("00" * 32, "0" * 8, True, "", "me", "2026-01-01")
    sign_video(path, origin, own_test_signer())
    path.write_bytes(path.read_bytes()[:-3000])
    status, found = verify(path, capsys)
    assert status == 1 and found["credentials"]["origin"]["consent"] == "me"
    assert not found["credentials"]["intact"] and len(found["problems"]) >= 2


def test_foreign_texts_cannot_fake_lines(tmp_path, capsys):
    path = marked_video(tmp_path / "a.mp4", b"\x5a" * 32)
    lie = "me\nmark         made with audioplane (score 99.0)\x1b[2K\x9b1A\u202e"
    sign_video(path, Origin("00" * 32, "0" * 8, True, "", lie, "2026\n"), own_test_signer())
    main(["verify", str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert not any(line.startswith("mark") and "99.0" in line for line in lines)
    assert [line for line in lines if line.startswith(" " * 13 + "consent: me\\nmark")]
    assert all(line.isprintable() for line in lines)


def test_an_unknown_codec_is_one_line(tmp_path, capsys):
    path = marked_video(tmp_path / "a.mp4", b"\x5a" * 32)
    data = path.read_bytes()
    assert data.count(b"avc1")
    path.write_bytes(data.replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))
    assert main(["verify", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "a.mp4" in said and "unexpected" not in said


def test_who_agreed_is_asked_once(silent_run, speech, tmp_path, capsys):
    arguments = ["drive", str(silent_run), speech, "--out", str(tmp_path / "o.mp4")]
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert "--consent" in printed and printed.count("audioplane: ") == 1
    assert not (tmp_path / "o.mp4").exists()
    assert main([*arguments, "--consent", "Ann, to a test"]) == 0
    assert main(arguments) == 0
    _, found = verify(tmp_path / "o.mp4", capsys)
    assert found["credentials"]["origin"]["consent"] == "Ann, to a test"


def test_a_recorded_consent_is_not_overruled(run_folder, speech, tmp_path, capsys):
    arguments = ["drive", str(run_folder), speech, "--out", str(tmp_path / "o.mp4")]
    assert main([*arguments, "--consent", "somebody else"]) == 1
    assert "drawn; no person" in capsys.readouterr().err


def test_keys_come_from_options_or_the_environment(
    run_folder, speech, tmp_path, capsys, monkeypatch
):
    key, certificate = write_identity(tmp_path / "id", "es256")
    out = tmp_path / "o.mp4"
    arguments = ["drive", str(run_folder), speech, "--out", str(out)]
    monkeypatch.setenv("AUDIOPLANE_SIGN_KEY", str(key))
    assert main(arguments) == 1
    assert "needs both" in capsys.readouterr().err
    assert main([*arguments, "--sign-cert", str(certificate)]) == 0
    _, found = verify(out, capsys)
    assert found["credentials"]["signer"] == "Ex Ample, Example Film"
    monkeypatch.setenv("AUDIOPLANE_MARK_KEY", str(tmp_path / "nowhere"))
    assert main([*arguments, "--sign-cert", str(certificate)]) == 1
    assert "nowhere" in capsys.readouterr().err
