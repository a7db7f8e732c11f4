"""The demo's score of speech whose lips are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import SubjectError, TrainingError
from audioplane.evaluate.mouth.reader import MouthReader
from audioplane.experiments.demo import demo, driven_lips
from audioplane.subject import Subject
from audioplane.subject.info import SubjectInfo
from audioplane.train import PRESETS, TrainConfig
from audioplane.train.initial import decided_for
from tests.evaluate.conftest import Draw


def test_driven_by_speech_whose_lips_are_known(subject: Subject, draw_face: Draw) -> None:
    reader = MouthReader.fit(subject)
    rng = np.random.default_rng(1)
    spoken = np.convolve(rng.uniform(0, 1, 64), np.ones(5) / 5, "valid")
    refs = [subject.train[i % 50] for i in range(len(spoken))]
    frames = [draw_face(r, o) for r, o in zip(refs, spoken, strict=True)]
    scores = driven_lips(frames, refs, spoken, reader)
    assert scores.mac is not None and scores.mac > 0.97 and scores.lag == 0
    assert scores.lmd is None and "lmd" in scores.empty
    assert scores.source_accuracy is not None and scores.source_accuracy > 0.98
    backwards = driven_lips(frames, refs, spoken[::-1], reader)
    assert backwards.mac is not None and backwards.mac < 0.5


def test_long_hair_trains_the_whole_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []

    def train(subject: Subject, config: TrainConfig, run: Path) -> None:
        chosen.append(decided_for(subject, config).model.torso)
        raise TrainingError("trained enough")

    monkeypatch.setattr("audioplane.experiments.demo.train_head", train)
    monkeypatch.setitem(PRESETS, "demo", replace(PRESETS["demo"], speech="mel"))
    for long_hair in (True, False):
        with pytest.raises(TrainingError, match="enough"):
            demo(tmp_path, 0.8, 96, long_hair=long_hair)
    assert chosen == ["model", "recorded"]


def test_a_persons_subject_and_run_stay(tmp_path: Path) -> None:
    for name in ("subject", "run"):
        (tmp_path / name).mkdir()
    SubjectInfo(size=512, n_frames=9, source="me.mp4").save(tmp_path / "subject" / "subject.json")
    (tmp_path / "run" / "config.json").write_text('{"subject": "../subject"}')
    with pytest.raises(SubjectError, match="choose another folder"):
        demo(tmp_path, 0.4, 32)
    assert (tmp_path / "run" / "config.json").exists()
    assert len(list((tmp_path / "subject").iterdir())) == 1
