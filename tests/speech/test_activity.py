import numpy as np
import pytest

from audioplane.speech import (
    Speech,
    StreamStatistics,
    activity,
    compute_features,
    feature_chunks,
    ipa,
    open_stream,
    recogniser,
)
from audioplane.speech.activity import (
    EASE,
    HOLD,
    LEAD,
    LONGEST,
    SHORT,
    LiveGate,
    RestGate,
    speech_shares,
)
from audioplane.speech.ipa import LiveRecogniser, Recognised
from audioplane.speech.recogniser import SYMBOLS
from audioplane.speech.spoken import CLOSED_LEAD
from audioplane.speech.window import STEP
from audioplane.synthetic import make_synthetic_sentence

FRAMES = 100
EVERYWHERE, NOWHERE = np.ones(2 * FRAMES, bool), np.zeros(2 * FRAMES, bool)


def shares(phones: list[int], active: np.ndarray = NOWHERE) -> np.ndarray:
    gate, heard = RestGate(), np.zeros(2 * FRAMES, bool)
    heard[phones] = True
    gate.hear(heard)
    gate.measure(active)
    return np.array([gate.share() for _ in range(FRAMES)])


def test_a_mouth_opens_before_a_phone_and_is_at_rest_soon_after() -> None:
    share = shares([100])
    spoken = np.flatnonzero(share)
    assert spoken[0] == (100 - LEAD) // 2 and share[50] == 1
    assert spoken[-1] <= (100 + HOLD) // 2 + EASE
    assert np.abs(np.diff(share)).max() <= 1 / EASE + 1e-6


def test_it_stays_open_while_the_sound_goes_on_but_not_for_long() -> None:
    stopped = EVERYWHERE.copy()
    stopped[105:] = False
    ends = [np.flatnonzero(shares([100], x))[-1] for x in (NOWHERE, stopped, EVERYWHERE)]
    assert ends[0] <= ends[1] < ends[2] <= (100 + LONGEST) // 2 + EASE


def test_lips_are_closed_70_ms_before_the_peak_of_p_b_and_m() -> None:
    gate, phones = RestGate(), np.zeros(2 * FRAMES, bool)
    phones[::8] = True
    gate.hear(phones)
    gate.measure(EVERYWHERE)
    closed = np.zeros(60, bool)
    closed[[40, 41]] = True
    gate.close(closed)
    share = np.array([gate.share() for _ in range(FRAMES)])
    middles = 0.04 * (np.arange(FRAMES) + 0.5)
    lips = 0.02 * 40.5 - CLOSED_LEAD
    assert abs(middles[share.argmin()] - lips) <= 0.02 and share.min() < 0.05
    assert share[1:][np.abs(middles - lips)[1:] > 0.14].min() > 0.99


def test_closures_that_are_expected_close_the_lips_in_time() -> None:
    told, late = RestGate(), RestGate()
    for gate in (told, late):
        gate.hear(EVERYWHERE)
        gate.close(NOWHERE[:36])
    expected = np.eye(1, 6, 4, dtype=bool)[0]  # of step 40
    share = [
        [gate.share(None, e) for _ in range(20)] for gate, e in ((told, expected), (late, None))
    ]
    assert min(share[0]) < 0.05 and min(share[1][2:]) == 1


def test_a_closure_lies_where_it_was_in_chunks_of_any_length() -> None:
    found = []
    for size in (3, 200):
        gate, closed = RestGate(), np.zeros(2 * FRAMES, bool)
        gate.hear(EVERYWHERE)
        closed[[30, 90, 93]] = True
        for first in range(0, len(closed), size):
            gate.close(closed[first : first + size])
        found.append([gate.share() for _ in range(FRAMES)])
    assert found[0] == found[1] and sum(x < 0.25 for x in found[0]) >= 3


def test_phones_that_come_late_or_are_expected() -> None:
    late, told = RestGate(), RestGate()
    for gate in (late, told):
        gate.measure(NOWHERE)
    told.hear(NOWHERE[:20])
    assert late.share() == 0 and told.share() == 0
    late.hear(np.eye(1, 20, 1, dtype=bool)[0])  # of step 1, which is over
    assert late.share() == 1 / EASE
    expected = np.eye(1, LEAD, 0, dtype=bool)[0]  # of step 20
    soon = [told.share(expected) for _ in range(9)]
    assert soon[0] == 0 and soon[-1] == 1


def _open(heard: np.ndarray) -> np.ndarray:
    """As `phone_probabilities` gives them: phones none of which closes the lips."""
    return np.stack([heard, np.zeros_like(heard)], 1)


def _shares(sound: np.ndarray) -> np.ndarray:
    return np.array(list(speech_shares(Speech(sound))))


def test_features_and_rest_share_one_recognition(monkeypatch) -> None:
    sound, pushed = np.pad(make_synthetic_sentence(12.0, 0).waveform, (0, 9000)), []
    push = recogniser.RecogniserStream.push

    def counted(self, piece: np.ndarray) -> np.ndarray:
        pushed.append(len(piece))
        return push(self, piece)

    monkeypatch.setattr(recogniser.RecogniserStream, "push", counted)
    alone = Speech(sound.astype(np.float32))
    features, rests = compute_features(alone, "mel+ipa"), list(speech_shares(alone))
    twice, pushed[:] = len(pushed), []
    once = Speech(sound.astype(np.float32))
    for _ in range(2):  # a sound may be spoken again
        shares, again = speech_shares(once), iter(feature_chunks(once, "mel+ipa"))
        first = next(again)
        assert next(shares) == rests[0]
        assert np.array_equal(np.concatenate([first, *again]), features)
        assert list(shares) == rests[1:]
    assert len(pushed) == twice
    # Who begins later hears everything, too.
    late, begun = speech_shares(once), list(speech_shares(once))
    assert begun == rests and list(speech_shares(once)) == rests and list(late) == rests


@pytest.mark.parametrize("size", [1, 7, 55, 1000])
def test_pauses_are_bridged_alike_in_chunks_of_any_length(monkeypatch, size: int) -> None:
    heard = (np.random.default_rng(3).random(1500) < 0.02).astype(np.float32)
    heard[[400, 400 + SHORT, 400 + 2 * SHORT + 1]] = 1
    heard[401 : 400 + SHORT] = heard[401 + SHORT : 400 + 2 * SHORT + 1] = 0
    sound, found = np.zeros(740 * 640, np.float32), []
    for length in (size, 1500):
        chunks = [_open(heard[i : i + length]) for i in range(0, 1500, length)]
        monkeypatch.setattr(activity, "phone_probabilities", lambda speech, c=chunks: iter(c))
        found.append(_shares(sound))
    assert np.array_equal(*found) and 0 < found[0].mean() < 1


def test_a_share_waits_for_the_next_second_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """So speech of any length begins at once, in memory of any size."""
    steps, asked = np.tile(np.eye(1, 50, dtype=np.float32)[0], 40), 0

    def heard(speech):
        nonlocal asked
        for step in steps:
            asked += 1
            yield _open(np.array([step]))

    monkeypatch.setattr(activity, "phone_probabilities", heard)
    shares = speech_shares(Speech(np.zeros(1000 * 640, np.float32)))
    for frame in range(900):
        next(shares)
        assert asked <= 2 * frame + 2 + LEAD + SHORT


def test_a_files_short_pauses_are_no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = np.zeros(500, np.float32)
    heard[[50, 50 + SHORT, 50 + 2 * SHORT + 40]] = 0.9
    monkeypatch.setattr(activity, "phone_probabilities", lambda speech: iter([_open(heard)]))
    share = _shares(np.zeros(200 * 640, np.float32))
    assert (share[25 : 25 + SHORT // 2] == 1).all()
    assert (share[55 + SHORT // 2 : 60 + SHORT // 2] == 0).all()


@pytest.mark.parametrize("size", [3, 400])
def test_a_files_closures_close_the_lips(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    steps = _open(np.ones(400, np.float32))
    steps[120, 1] = 0.9
    chunks = [steps[first : first + size] for first in range(0, 400, size)]
    monkeypatch.setattr(activity, "phone_probabilities", lambda speech: iter(chunks))
    share = _shares(np.zeros(150 * 640, np.float32))
    assert share[58] < 0.25 and share[50:66].argmin() == 8
    assert (share[10:50] > 0.99).all() and (share[66:140] > 0.99).all()


def test_live_closures_close_the_lips_heard_or_expected() -> None:
    m, o = ipa._SYMBOLS.index("m"), ipa._SYMBOLS.index("ɑ")
    steps = np.zeros((60, SYMBOLS), np.float32)
    steps[:, o] = 0.6
    steps[40, m] = 1

    class Recogniser(LiveRecogniser):
        ahead = steps[:6]

        def __init__(self) -> None:
            pass

    shared = Recogniser()
    gate, share = LiveGate(StreamStatistics(), shared), []
    for step in range(0, 48, 2):
        shared.last = Recognised(steps[step : step + 2], np.ones(2))
        shared.ahead = steps[step + 2 : step + 8]
        gate.push(np.zeros(640, np.float32))
        share.append(gate.share())
    assert share[18] < 0.25 and np.argmin(share[2:]) == 16
    assert min(share[2:14]) > 0.99 and share[22] > 0.9


def _levels(after: float) -> np.ndarray:
    """100 steps of speech of even loudness, and 40 that are so many dB louder."""
    sound = np.sqrt(2) * 0.1 * np.sin(0.25 * np.arange(140 * STEP))
    sound[100 * STEP :] *= 10 ** (after / 20)
    return sound.astype(np.float32)


def test_music_ten_db_below_the_speech_does_not_hold_the_mouth_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = np.zeros((140, 2), np.float32)
    steps[3:100:8, 0] = 0.9
    monkeypatch.setattr(activity, "phone_probabilities", lambda speech: iter([steps]))
    loud, faint = (np.flatnonzero(_shares(_levels(after)))[-1] for after in (-4.0, -10.0))
    assert faint == (99 + HOLD) // 2 + EASE - 1 < loud == (99 + LONGEST) // 2 + EASE - 1


def test_live_music_ten_db_below_the_speech_does_not_hold_it_open_either() -> None:
    class Recogniser(LiveRecogniser):
        ahead = np.zeros((0, SYMBOLS), np.float32)

        def __init__(self) -> None:
            pass

    def last(loudness: float) -> int:
        shared, steps = Recogniser(), np.zeros((2, SYMBOLS), np.float32)
        gate, shares = LiveGate(StreamStatistics(), shared), []
        for frame in range(40):
            steps[:, ipa._SYMBOLS.index("ɑ")] = frame == 20
            shared.last = Recognised(steps, np.full(2, 1.0 if frame <= 20 else loudness))
            gate.push(np.zeros(640, np.float32))
            shares.append(gate.share())
        return int(np.flatnonzero(shares)[-1])

    assert last(10**-1.0) == last(0.0) < last(10**-0.4)


def _sounds() -> dict[str, np.ndarray]:
    rng, n = np.random.default_rng(0), 2 * 16000
    t = np.arange(n) / 16000
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277, 330))
    breath = rng.standard_normal(n) * np.exp(-0.5 * ((t - 0.8) / 0.2) ** 2)
    return {
        "nothing": np.zeros(n),
        "noise": 0.01 * rng.standard_normal(n),
        "breath": 0.03 * breath,
        "music": 0.01 * chord,
    }


@pytest.mark.parametrize("name", _sounds())
def test_rest_160_ms_after_speech_whatever_else_is_heard(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hama")
    monkeypatch.setattr(activity, "CLOSES", 2.0)  # never
    said = make_synthetic_sentence(6.0, 1)
    speech = said.waveform
    end = Speech(speech).active_frames().nonzero()[0][-1] + 1
    sound = np.concatenate([speech[: 640 * end], _sounds()[name]]).astype(np.float32)
    level = Speech(speech).level
    assert level is not None
    live, gate = [], LiveGate(StreamStatistics(level))
    for frame in range(len(sound) // 640):
        known = 640 * (frame + 1) + 3840
        gate.push(sound[0 if frame == 0 else known - 640 : known])
        live.append(gate.share())
    for share in (_shares(sound), np.array(live)):
        assert (share[end + 4 :] == 0).all()
        active = Speech(sound).active_frames()[:end]
        assert share[:end][active].mean() > 0.97


def test_pieces_of_any_length_give_the_same() -> None:
    pytest.importorskip("hama")
    sound = make_synthetic_sentence(3.0, 0).waveform
    found = []
    for size in (100, 640, 5000):
        gate = LiveGate(StreamStatistics())
        for first in range(0, len(sound), size):
            gate.push(sound[first : first + size])
        found.append([gate.share() for _ in range(70)])
    assert found[0] == found[1] == found[2] and max(found[0]) == 1


@pytest.mark.parametrize("kind", ["ipa", "mel+ipa"])
def test_features_and_rest_share_a_recogniser(kind: str) -> None:
    pytest.importorskip("hama")
    statistics = StreamStatistics()
    stream, own = open_stream(kind, statistics), LiveGate(statistics)
    shared = LiveGate(statistics, stream.recogniser)
    sound = make_synthetic_sentence(2.0, 0).waveform
    shares = [], []
    for first in range(0, len(sound), 700):
        piece = sound[first : first + 700]
        stream.push(piece)
        for gate, found in zip((shared, own), shares, strict=True):
            gate.push(piece)
            found.append(gate.share())
    assert shares[0] == shares[1] and max(shares[0]) == 1
    assert open_stream("mel", statistics).recogniser is None
