"""Kinds of speech features from the command line: added, trained on, driven with."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from audioplane.cli import main
from audioplane.cli.arguments import Kind
from audioplane.media.audio import read_audio, write_wav
from audioplane.speech import kind_names
from audioplane.speech.deepspeech import MODEL as DEEPSPEECH
from audioplane.speech.networks import HUBERT, WAV2VEC2
from audioplane.subject import Subject, load_subject
from audioplane.train.config import PRESETS
from tests.speech.tiny_deepspeech import write_deepspeech
from tests.speech.tiny_networks import write_hubert, write_wav2vec2
from tests.subject.prior_work import ad_nerf
from tests.train.configs import TINY


@pytest.fixture
def subject(spoken_subject, tmp_path) -> Subject:
    shutil.copytree(spoken_subject.paths.root, tmp_path / "subject")
    return load_subject(tmp_path / "subject")


@pytest.fixture
def networks(tmp_path, monkeypatch) -> Path:
    """A folder with small networks under the published names; no other place has any."""
    folder = tmp_path / "models" / "speech"
    folder.mkdir(parents=True)
    write_deepspeech(folder / DEEPSPEECH.name)
    write_wav2vec2(folder / WAV2VEC2.name)
    write_hubert(folder / HUBERT.name)
    monkeypatch.setenv("AUDIOPLANE_ASSETS", str(tmp_path))
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path / "cache")
    return folder


def test_a_kind_is_added_trained_and_driven(subject, networks, tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "demo", replace(TINY, coarse_iterations=5, fine_iterations=5))
    root, run, out = str(subject.paths.root), str(tmp_path / "run"), tmp_path / "out.mp4"
    assert main(["speech", root, "--kind", "deepspeech"]) == 0
    assert load_subject(subject.paths.root).info.feature_kinds == ("mel", "deepspeech")
    train = ["train", root, "--out", run, "--preset", "demo", "--speech", "deepspeech"]
    assert main([*train, "--device", "cpu"]) == 0
    speech = tmp_path / "speech.wav"
    write_wav(speech, read_audio(subject.paths.audio)[:16000])
    assert main(["drive", run, str(speech), "--out", str(out), "--device", "cpu"]) == 0
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("kind", "shape"), [("wav2vec2", (55, 16, 44)), ("hubert", (55, 2, 16)), ("mel", (55, 16, 80))]
)
def test_rows_are_as_many_as_frames_whatever_the_sound(subject, networks, kind, shape):
    sound = read_audio(subject.paths.audio)
    for samples in (len(sound) - 5000, len(sound) + 900):
        write_wav(subject.paths.audio, np.resize(sound, samples))
        assert main(["speech", str(subject.paths.root), "--kind", kind]) == 0
        assert load_subject(subject.paths.root).features(kind).shape == shape
    assert not list(subject.paths.root.glob("*.partial"))


def test_a_subject_of_prior_work_gets_a_kind_and_nothing_else(spoken_subject, tmp_path):
    made = ad_nerf(spoken_subject, tmp_path / "prior")
    before = {path.name for path in made.root.iterdir()}
    assert main(["speech", str(made.root), "--kind", "mel"]) == 0
    assert {path.name for path in made.root.iterdir()} - before == {"aud_mel.npy"}
    np.testing.assert_allclose(
        load_subject(made.root).features("mel"), spoken_subject.features("mel"), atol=0.05
    )


def test_a_network_that_is_not_here_is_named_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUDIOPLANE_ASSETS", str(tmp_path))
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path / "cache")
    video, out = tmp_path / "video.mp4", tmp_path / "subject"
    video.write_bytes(b"never looked at")
    assert main(["prepare", str(video), "--out", str(out), "--speech", "deepspeech"]) == 1
    said = capsys.readouterr().err
    assert DEEPSPEECH.url in said and str(tmp_path / "cache") in said
    assert not out.exists()


def test_a_given_network_is_taken(subject, tmp_path, networks, capsys):
    mine = write_deepspeech(tmp_path / "mine.tflite", seed=5)
    root = str(subject.paths.root)
    assert main(["speech", root, "--kind", "deepspeech"]) == 0
    usual = load_subject(subject.paths.root).features("deepspeech")
    assert main(["speech", root, "--kind", "deepspeech", "--model", str(mine)]) == 0
    assert np.abs(load_subject(subject.paths.root).features("deepspeech") - usual).max() > 0.1
    assert main(["speech", root, "--kind", "mel", "--model", str(mine)]) == 1
    assert "need no model" in capsys.readouterr().err


def test_the_commands_offer_every_kind():
    assert get_args(Kind) == kind_names()
