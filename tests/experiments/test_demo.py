"""The demo's score of speech whose lips are known."""

import numpy as np

from audioplane.evaluate.mouth.reader import MouthReader
from audioplane.experiments.demo import driven_lips
from audioplane.subject import Subject
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
