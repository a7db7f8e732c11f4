from collections.abc import Callable

import numpy as np
import pytest

from audioplane.speech import Speech, compute_features, ipa, open_stream, stream_statistics
from audioplane.speech.ipa import ARTICULATIONS, COLUMNS, GROUPS
from audioplane.speech.recogniser import BEFORE, SYMBOLS

Babble = Callable[..., np.ndarray]


def test_groups_share_no_symbol_and_lie_within_the_recognisers() -> None:
    symbols = [symbol for group in GROUPS for symbol in group]
    assert len(symbols) == len(set(symbols))
    table = ipa.symbol_columns()
    assert table.shape == (SYMBOLS, COLUMNS)
    assert ipa.REACHED == BEFORE
    assert table[:, : len(GROUPS)].sum() == len(symbols)
    assert not table[-1].any()  # blank


def test_sounds_that_are_made_alike_share_articulations() -> None:
    made = {
        s: ipa.symbol_columns()[ipa._SYMBOLS.index(s), len(GROUPS) :] for s in ("p", "m", "u", "ɑ")
    }
    closed, rounded, opened = (ARTICULATIONS.index(a) for a in ("closed", "round", "open"))
    assert [m[closed] for m in made.values()] == [1, 1, 0, 0]
    assert [m[rounded] for m in made.values()] == [0, 0, 1, 0]
    assert made["ɑ"][opened] == 1 and made["u"][opened] == 0.25


def test_a_peak_lies_where_it_was_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    m = ipa._SYMBOLS.index("m")

    class Stream:
        ahead = np.zeros((0, SYMBOLS), np.float32)

        def __init__(self, *args: object):
            pass

        def push(self, sound: np.ndarray) -> np.ndarray:
            steps = np.zeros((len(sound) // 320, SYMBOLS), np.float32)
            steps[50, m] = 1
            return steps

    monkeypatch.setattr("audioplane.speech.recogniser.RecogniserStream", Stream)
    features = compute_features(np.zeros(32000, np.float32), "ipa")
    column = next(i for i, group in enumerate(GROUPS) if "m" in group)
    spoken = features[:, :, column] * ipa.SPREADS[0] + ipa.CENTRES[0]
    step = 2 * np.arange(50)[:, None] - 7 + np.arange(16)
    assert step.flat[spoken.argmax()] == 50
    assert abs(spoken[step == 50] - spoken.max()).max() < 1e-6


def test_a_stream_gets_what_the_file_gets(babble: Babble, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = babble(3.0)
    whole = Speech(sound)
    statistics = stream_statistics(whole, "ipa")
    # The level stays what it is.
    monkeypatch.setattr("audioplane.speech.level.RunningLevel.update", lambda self, power: False)
    stream, given, count = open_stream("mel+ipa", statistics), [], 0
    for first in range(0, len(sound), 700):
        given.append(stream.push(sound[first : first + 700]))
        count += len(given[-1])
        assert count >= (min(first + 700, len(sound)) - stream.look_ahead) // 640
    streamed = np.concatenate([*given, stream.finish()])
    np.testing.assert_allclose(streamed, compute_features(whole, "mel+ipa"), atol=1e-3)


def test_a_prediction_keeps_nothing_and_is_of_the_steps_ahead(babble: Babble) -> None:
    sound = babble(2.0)
    stream, undisturbed = open_stream("ipa"), open_stream("ipa")
    settled = stream.push(sound[:20000])
    undisturbed.push(sound[:20000])
    predicted = stream.predict(12)
    assert predicted.shape == (12, 16, COLUMNS) and len(settled) < 20000 // 640
    rest, again = stream.push(sound[20000:]), undisturbed.push(sound[20000:])
    np.testing.assert_array_equal(rest, again)
    # What is predicted of the first frames is nearer to what comes than silence is.
    off = np.abs(predicted[:3] - rest[:3]).mean()
    centres, spreads = ipa.column_scales()
    silent = np.abs(-centres / spreads - rest[:3]).mean()
    assert off < 0.7 * silent


def test_features_do_not_depend_on_the_level(babble: Babble) -> None:
    loud, faint = (compute_features(babble(2.0, level=x), "ipa") for x in (0.3, 0.01))
    assert np.abs(loud - faint).max() < 0.02


def test_chunks_give_the_values_of_the_whole(
    babble: Babble, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = babble(3.0)
    whole = compute_features(sound, "ipa")
    monkeypatch.setattr(ipa, "CHUNK", 7000)
    np.testing.assert_allclose(compute_features(sound, "ipa"), whole, atol=1e-3)


def test_no_more_is_recognised_than_a_sound_needs(babble: Babble) -> None:
    steps = sum(len(chunk) for chunk in ipa.phone_probabilities(Speech(babble(1.0))))
    assert 50 <= steps < 100


def test_lips_part_at_open_vowels_and_meet_at_m(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = np.zeros((4, SYMBOLS), np.float32)
    for step, symbol in enumerate("ɑmu"):
        chunk[step, ipa._SYMBOLS.index(symbol)] = 1
    monkeypatch.setattr(ipa, "_probabilities", lambda _: iter([chunk, chunk[:2]]))
    opening = ipa.lip_openings(Speech(np.zeros(640, np.float32)))
    assert np.allclose(opening, [1, -0.6, 0.25 - 0.3, 0, 1, -0.6])
