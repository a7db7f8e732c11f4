import tracemalloc

import numpy as np
import pytest

from audioplane.synthetic import make_synthetic_sentence, motion
from audioplane.synthetic.motion import articulate, move_head
from audioplane.synthetic.phonemes import BILABIALS, PHONEMES, SILENCE
from audioplane.synthetic.script import script


def _spoken_at_frames(timed: list, n: int) -> list[str]:
    middles = (np.arange(n) + 0.5) / 25
    ends = np.array([t.end for t in timed])
    return [timed[k].symbol for k in np.searchsorted(ends, middles)]


def test_lips_touch_for_p_b_m_and_in_pauses() -> None:
    made = make_synthetic_sentence(20.0, 0, held_out=False)
    spoken = np.array(_spoken_at_frames(list(made.phonemes), len(made.aperture)))
    bilabial = np.isin(spoken, list(BILABIALS))
    assert bilabial.sum() >= 20
    assert made.aperture[bilabial].max() < 0.012
    shut = made.aperture[spoken == SILENCE]
    assert np.median(shut) < 1e-3


def test_open_vowels_open_the_mouth_more_than_close_ones() -> None:
    made = make_synthetic_sentence(60.0, 1, held_out=False)
    spoken = np.array(_spoken_at_frames(list(made.phonemes), len(made.aperture)))
    mean = {s: made.aperture[spoken == s].mean() for s in ("AA", "EH", "IY", "S")}
    assert mean["AA"] > 1.3 * mean["EH"] > 1.3 * 1.2 * mean["IY"] > mean["S"]


def test_sound_and_mouth_belong_together() -> None:
    made = make_synthetic_sentence(20.0, 2)
    loud = np.sqrt((made.waveform.reshape(-1, 640).astype(np.float64) ** 2).mean(1))
    spoken = _spoken_at_frames(list(made.phonemes), len(made.aperture))
    vowel = np.array([PHONEMES[s].kind in ("vowel", "pause") for s in spoken])
    assert np.corrcoef(loud[vowel], made.aperture[vowel])[0, 1] > 0.7
    shifted = np.roll(made.aperture, 12)
    assert np.corrcoef(loud[vowel], shifted[vowel])[0, 1] < 0.4


def test_articulation_moves_smoothly_within_its_ranges() -> None:
    rows = articulate(script(0, 20.0), 500).stack()
    assert rows.shape == (500, 7)
    assert (rows.min(0) >= [0, -1, 0, 0, -1, 0, 0]).all()
    assert (rows.max(0) <= [1.2, 1, 1, 1, 1, 1, 1]).all()
    assert rows[:, 0].max() > 0.8
    assert np.abs(np.diff(rows[:, 0])).max() < 0.6


def test_a_long_speech_moves_the_mouth_as_if_all_were_laid_out_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoken = script(0, 30.0)
    tracemalloc.start()
    rows = articulate(spoken, 750).stack()
    assert tracemalloc.get_traced_memory()[1] < len(spoken) * 6000 * 8, "one float64 a pair"
    tracemalloc.stop()
    monkeypatch.setattr(motion, "_BLOCK", 6000)
    np.testing.assert_allclose(rows, articulate(spoken, 750).stack(), atol=1e-12)


def test_the_head_moves_within_reach_and_the_eyes_blink() -> None:
    moves = move_head(1500, 0)
    reach = np.degrees(np.abs(moves.rotation).max(0))
    assert (reach <= [12, 6, 4]).all()
    assert (reach >= [8, 4, 2.5]).all()
    assert np.degrees(np.abs(np.diff(moves.rotation, axis=0))).max() < 2.0
    closed = moves.blink[:, 0] > 0.5
    starts = np.flatnonzero(np.diff(closed.astype(int)) == 1)
    assert 60 / 5 <= len(starts) <= 60 / 2
    assert moves.blink.min() == 0
    assert moves.blink.max() > 0.95


def test_the_eyes_rest_on_places_and_jump_between_them() -> None:
    gaze = np.degrees(move_head(1500, 0).gaze)
    assert (np.abs(gaze).max(0) <= [14, 8]).all() and (np.abs(gaze).max(0) >= [12, 7]).all()
    jumps = (np.diff(gaze, axis=0) != 0).any(1)
    assert 60 / 1.6 <= jumps.sum() <= 60 / 0.4
    assert (gaze == 0).all(1).mean() > 0.15, "it looks at the camera, too"
