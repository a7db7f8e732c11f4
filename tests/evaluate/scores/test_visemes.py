"""A mouth that does what the synthetic subject's script says, late, frozen and at random."""

from functools import cache

import numpy as np
import pytest

from audioplane.errors import SpeechError
from audioplane.evaluate.scores import visemes
from audioplane.evaluate.scores.visemes import (
    COLUMNS,
    HeardPhones,
    LipShapes,
    mouth_width,
    viseme_cells,
    viseme_scores,
)
from audioplane.speech import Speech
from audioplane.speech.spoken import SpokenPhone, heard_phones
from audioplane.synthetic import SyntheticSentence, make_synthetic_sentence
from audioplane.synthetic.motion import articulate

IPA = {
    **{"P": "p", "B": "b", "M": "m", "AA": "ɑ", "AE": "æ", "EH": "ɛ", "IH": "ɪ", "IY": "i"},
    **{"UW": "u", "UH": "ʊ", "W": "w"},
}


@cache
def made() -> SyntheticSentence:
    return make_synthetic_sentence(60.0, 0, held_out=False)


@cache
def spoken() -> list[SpokenPhone]:
    timed = made().phonemes
    return [SpokenPhone(IPA[t.symbol], (t.start + t.end) / 2) for t in timed if t.symbol in IPA]


def lips() -> LipShapes:
    mouth = articulate(list(made().phonemes), len(made().aperture))
    width = 50 + 5 * (mouth.width - mouth.rounding)
    return LipShapes(made().aperture, width, np.ones(len(width), bool))


def shut() -> float:
    return 0.15 * float(np.percentile(made().aperture, 95))


def later(frames: int) -> LipShapes:
    x = lips()
    return LipShapes(np.roll(x.aperture, frames), np.roll(x.width, frames), x.found)


def test_lips_that_do_as_they_should() -> None:
    scores = viseme_scores(spoken(), lips(), shut())
    assert scores.closures == 1 and scores.n_closures > 20 and scores.n_open > 20
    assert scores.false_closures == 0
    assert scores.rounding is not None and scores.rounding > 0.95
    assert scores.opening is not None and scores.opening > 0.9
    assert scores.missing == ""


@pytest.mark.parametrize("late", [-8, 8, 300])
def test_lips_at_another_time_do_worse_in_everything(late: int) -> None:
    scores = viseme_scores(spoken(), later(late), shut())
    assert scores.closures is not None and scores.closures < 0.75
    assert scores.false_closures is not None and scores.false_closures > 0.05
    assert scores.rounding is not None and scores.rounding < 0.7
    assert scores.opening is not None and scores.opening < 0.65


def test_a_frozen_mouth_cannot_have_both() -> None:
    n = len(lips().found)
    for aperture, expected in ((0.0, 1.0), (0.2, 0.0)):
        still = LipShapes(np.full(n, aperture), np.full(n, 50.0), np.ones(n, bool))
        scores = viseme_scores(spoken(), still, shut())
        assert scores.closures == scores.false_closures == expected
        assert scores.rounding == scores.opening == 0.5


def test_frames_without_a_mouth_and_rare_phones_do_not_count() -> None:
    x = lips()
    half = LipShapes(x.aperture, x.width, np.arange(len(x.found)) < len(x.found) / 2)
    known, whole = viseme_scores(spoken(), half, shut()), viseme_scores(spoken(), x, shut())
    assert 0.3 * whole.n_closures < known.n_closures < 0.7 * whole.n_closures
    none = viseme_scores([SpokenPhone("m", 1.0)] * 2, x, shut())
    assert none.closures is none.rounding is none.opening is none.false_closures is None
    assert none.missing == "2 phones p, b or m in the sound, at least 3 are needed"


def test_corners_of_the_mouth() -> None:
    landmarks = np.zeros((2, 20, 2))
    landmarks[:, 6] = [30, 40]
    assert mouth_width(landmarks).tolist() == [50, 50]


def test_without_the_recogniser_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(speech: Speech) -> None:
        raise SpeechError("pip install it")

    monkeypatch.setattr(visemes, "heard_phones", absent)
    scores = HeardPhones.of(Speech(made().waveform)).score(lips(), shut())
    assert scores.missing == scores.empty == "pip install it"
    assert viseme_cells(scores, scores) == [None] * len(COLUMNS)


def test_cells_show_counts_and_the_share_of_the_recordings() -> None:
    good = viseme_scores(spoken(), lips(), shut())
    bad = viseme_scores(spoken(), later(8), shut())
    assert bad.closures is not None
    cells = viseme_cells(bad, good)
    assert cells[0] == f"{bad.closures:.2f} of {bad.n_closures}"
    assert cells[-1] == f"{bad.closures:.2f}" and viseme_cells(bad, None)[-1] is None


def test_phones_of_the_synthetic_voice_are_heard_where_they_are() -> None:
    pytest.importorskip("hama")
    scores = viseme_scores(heard_phones(Speech(made().waveform)), lips(), shut())
    print(scores)
    assert scores.closures is not None and scores.closures > 0.9
