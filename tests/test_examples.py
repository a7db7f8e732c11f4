"""Every numbered example runs, one after the other, on the synthetic subject."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The first example's subject and head."""
    out: Path = tmp_path_factory.mktemp("examples")
    printed = run("01_train_a_head.py", out, 60)
    assert "head.head" in printed and "dB on validation frames" in printed
    return out


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.slow
def test_speak_a_file(folder):
    printed = run(
        "02_speak_a_file.py", folder / "run", folder / "subject/aud.wav", folder / "o.mp4"
    )
    assert "150 frames of (96, 96)" in printed and "made with audioplane: True" in printed


@pytest.mark.slow
def test_speak_a_stream_with_the_pack_alone(folder):
    printed = run("03_speak_a_stream.py", folder / "head.head", folder / "subject/aud.wav")
    assert printed.startswith("150 frames, 240 ms")


@pytest.mark.slow
def test_evaluate(folder):
    printed = run("04_evaluate.py", folder / "run", folder / "scores")
    assert "PSNR" in printed and (folder / "scores/report.html").exists()


@pytest.mark.slow
def test_load_a_prior_subject(folder):
    assert "speech features" in run("05_load_a_prior_subject.py", folder / "subject")


@pytest.mark.slow
def test_add_a_speech_kind(folder):
    printed = run("06_add_a_speech_kind.py", folder / "subject", folder / "loud")
    assert "(150, 16, 2)" in printed and "CheckpointSaved" in printed


@pytest.mark.slow
def test_add_a_loss(folder):
    assert "CheckpointSaved" in run("07_add_a_loss.py", folder / "subject", folder / "exposed")


def test_there_are_seven_and_each_says_how_it_is_called():
    names = sorted(path.name for path in EXAMPLES.glob("0*.py"))
    assert [int(name[:2]) for name in names] == list(range(1, 8))
    for name in names:
        assert f"python examples/{name}" in (EXAMPLES / name).read_text()
