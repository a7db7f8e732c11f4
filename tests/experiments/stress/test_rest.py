from dataclasses import replace

import numpy as np
import pytest

from audioplane.evaluate.scores.visemes import LipShapes
from audioplane.experiments.stress.rest import REST, Ending, endings, rest_row
from audioplane.speech import Speech

END, SHUT = 50, 0.02
SPOKEN = 0.1 + 0.05 * np.sin(np.arange(END))
ENDING = Ending("breath", np.zeros(100 * 640, np.float32), END)


def lips(after: np.ndarray) -> LipShapes:
    aperture = np.concatenate([SPOKEN, after])
    return LipShapes(aperture, np.full(len(aperture), 50.0), np.ones(len(aperture), bool))


def test_a_mouth_that_closes_and_rests() -> None:
    row = rest_row(ENDING, lips(np.r_[0.08, 0.05, np.full(48, 0.01)]), SHUT)
    assert row.closing == 0.08 and row.quiver == pytest.approx(0)
    assert [good for _, good in row.findings] == [True, True]
    assert row.findings[0][0] == "breath after speech: the mouth is shut after 80 ms"


def test_a_mouth_that_quivers_and_closes_late() -> None:
    late = np.r_[np.full(8, 0.05), np.full(42, 0.01)]
    row = rest_row(ENDING, lips(late), SHUT)
    assert row.closing == 0.32 and row.quiver is not None and row.quiver > 0.05
    assert [good for _, good in row.findings] == [False, False]
    moving = rest_row(ENDING, lips(0.01 + 0.009 * np.sin(np.arange(50))), SHUT)
    assert moving.closing == 0 and moving.quiver is not None and moving.quiver > 0.05


def test_a_mouth_that_stays_open_or_is_not_seen() -> None:
    row = rest_row(ENDING, lips(np.full(50, 0.1)), SHUT)
    assert row.closing is None and row.findings[0] == (
        "breath after speech: the mouth does not stay shut",
        False,
    )
    unseen = LipShapes(np.zeros(100), np.zeros(100), np.zeros(100, bool))
    row = rest_row(ENDING, unseen, SHUT)
    assert row.cells() == ["breath", None, None]
    assert row.findings == [("breath after speech: no mouth was seen", False)]


def test_a_mouth_that_is_seen_after_the_speech_alone() -> None:
    late = replace(lips(np.full(50, 0.01)), found=np.arange(100) >= END)
    assert rest_row(ENDING, late, SHUT).cells() == ["breath", "0", None]


def test_speech_ends_with_a_phrase() -> None:
    t = np.arange(6 * 16000) / 16000
    spoken = ((t < 1) | ((t > 1.5) & (t < 2.6)) | ((t > 2.8) & (t < 3.4)) | (t > 4)) & (t < 5)
    for sound, end in ((spoken, 3.4), (spoken & (t < 1.3), 1.0), (0 * t, 6)):
        speech = (0.2 * np.sin(900 * t) * sound).astype(np.float32)
        assert abs(endings(speech)[0].end - end * 25) <= 1


def test_the_sounds_that_follow_speech() -> None:
    t = np.arange(32000) / 16000
    speech = (0.2 * np.sin(900 * t) * (t < 1.5)).astype(np.float32)
    found = endings(speech)
    level = np.sqrt(Speech(speech).level or 0)
    for ending, decibels in zip(found, (-np.inf, -30, -15, -20), strict=True):
        assert ending.end in (37, 38)
        after = ending.sound[ending.end * 640 :]
        assert len(after) == round(REST * 16000)
        power = np.sqrt(np.square(after, dtype=np.float64).mean())
        assert power == pytest.approx(level * 10 ** (decibels / 20), rel=1e-3)
