"""`audioplane prior`, here and in a process of its own."""

import signal

import pytest

from audioplane.api import train_prior
from audioplane.cli import main
from audioplane.errors import SubjectError
from audioplane.train import read_prior
from audioplane.train.config import SYNTHETIC


@pytest.mark.parametrize("executor", ["here", "local"])
def test_a_prior_is_written_and_read(spoken_subject, person, tmp_path, capsys, executor):
    out = tmp_path / "prior.safetensors"
    command = ["prior", str(spoken_subject.paths.root), "--out", str(out), "--speech", "mel"]
    command += ["--iterations", "20", "--executor", executor]
    assert main([*command, "--held-out", str(person.paths.root)]) == 0
    prior = read_prior(out)
    said = capsys.readouterr().err
    assert prior.sha256[:12] in said and "held out: MAC" in said
    assert main([*command, "--held-out", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err


def test_synthetic_speakers_are_enough(tmp_path, capsys):
    out = tmp_path / "prior.safetensors"
    command = ["prior", "--out", str(out), "--speech", "mel", "--iterations", "2"]
    assert main([*command, "--synthetic", "1"]) == 0
    assert read_prior(out).people == ("synthetic speaker 0",)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    assert main([*command[:2], str(tmp_path / "nobody"), *command[3:]]) == 1
    assert main([*command[:-1], "0", "--synthetic", "1"]) == 1
    assert "--iterations 0: choose" in capsys.readouterr().err


def test_a_signal_while_features_are_computed_ends_it_there(
    spoken_subject, person, tmp_path, monkeypatch, capsys
):
    begun = []

    def complete(subject, *_, **__):
        begun.append(subject)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("audioplane.prepare.complete_subject", complete)
    roots = [str(subject.paths.root) for subject in (spoken_subject, person)]
    assert main(["prior", *roots, "--out", str(tmp_path / "p"), "--speech", "mel"]) == 130
    assert len(begun) == 1 and "stopped; the same command goes on" in capsys.readouterr().err


def test_nobody_is_missing_before_the_work_on_one(spoken_subject, tmp_path, monkeypatch, capsys):
    for place in ("prepare", "api"):
        monkeypatch.setattr(f"audioplane.{place}.complete_subject", pytest.fail)
    people, out = [str(spoken_subject.paths.root), str(tmp_path / "none")], tmp_path / "p"
    assert main(["prior", *people, "--out", str(out)]) == 1
    assert "none is not a folder" in capsys.readouterr().err
    with pytest.raises(SubjectError, match="none is not a folder"):
        train_prior(people, out, held_out=people[0])


@pytest.mark.parametrize(("flags", "prior"), [([], SYNTHETIC), (["--prior", "none"], "")])
def test_a_training_starts_from_the_shipped_prior_or_from_nothing(
    spoken_subject, tmp_path, monkeypatch, flags, prior
):
    asked = []
    monkeypatch.setattr(
        "audioplane.train.run.train_head", lambda _, config, *a, **k: asked.append(config) or ()
    )
    command = ["train", str(spoken_subject.paths.root), "--out", str(tmp_path), "--speech", "mel"]
    assert main([*command, *flags]) == 0
    assert [config.prior for config in asked] == [prior]
