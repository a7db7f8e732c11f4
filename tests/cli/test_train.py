"""What `train` says of the settings with which it trains."""

import shutil
import signal

import pytest

from audioplane.cli import main
from audioplane.subject import Subject


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    """Runs the command without the training: what it said, and the settings it would train with."""
    asked = []
    monkeypatch.setattr(
        "audioplane.train.run.train_head", lambda subject, config, *_, **__: asked.append(config)
    )
    monkeypatch.setattr("audioplane.cli.training.show_training", lambda events: None)

    def run(root, *arguments):
        common = ["--out", str(tmp_path / "run"), "--speech", "mel", "--expression", "blink"]
        assert main(["train", str(root), *common, *arguments]) == 0
        return " ".join(capsys.readouterr().err.split()), asked[-1]

    return run


def test_a_torso_that_is_modelled_for_the_hair_is_told(
    train, long_haired, spoken_subject, tmp_path
):
    root = tmp_path / "long_haired"  # it gets its body's motion
    shutil.copytree(long_haired.paths.root, root)
    said, config = train(root)
    assert config.model.torso == "model"
    assert "hair falls onto the shoulders" in said and "--torso recorded keeps" in said
    for subject, options, torso in (
        (root, ["--torso", "recorded"], "recorded"),
        (root, ["--torso", "model"], "model"),
        (spoken_subject.paths.root, [], "recorded"),
    ):
        said, config = train(subject, *options)
        assert config.model.torso == torso and "hair falls" not in said


def test_labels_are_looked_at_once(train, person, monkeypatch):
    seen, labels = [], Subject.labels
    monkeypatch.setattr(Subject, "labels", lambda s, ref: seen.append(ref.img_id) or labels(s, ref))
    train(person.paths.root)
    assert len(seen) == len(set(seen)) > 5


def test_fewer_iterations_for_a_short_video_are_told(train, spoken_subject):
    root = spoken_subject.paths.root
    said, config = train(root)
    assert f"a short video: {config.fine_iterations:,} fine iterations instead of 7,000" in said
    assert "a short video" not in train(root, "--iterations", "6000")[0]


def test_a_signal_stops_a_training_only_while_there_is_work_left(
    spoken_subject, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("audioplane.train.run.train_head", lambda *_, **__: [])
    monkeypatch.setattr(
        "audioplane.cli.training.show_training", lambda _: signal.raise_signal(signal.SIGINT)
    )
    arguments = ["train", str(spoken_subject.paths.root), "--out", str(tmp_path / "run")]
    arguments += ["--speech", "mel", "--expression", "blink"]
    assert main(arguments) == 130
    assert "stopped; the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr("audioplane.train.run.is_complete", lambda *_: True)
    assert main(arguments) == 0
