import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from audioplane.errors import SpeechError
from audioplane.preflight import sync
from audioplane.preflight.sync import Stretch, estimate_offset
from audioplane.speech import Speech
from audioplane.speech.spoken import OTHER_LEAD

RATE = 12
SECONDS = 20


def speech(seed: int = 0, seconds: int = SECONDS) -> tuple[np.ndarray, np.ndarray]:
    """How far a mouth is open, 1000 a second, and the voice that comes out of it."""
    rng = np.random.default_rng(seed)
    opening = gaussian_filter1d(rng.normal(size=seconds * 1000), 60)
    opening = np.maximum(opening / opening.std(), 0)
    t = np.arange(seconds * 16000) / 16000
    loud = np.interp(t, np.arange(len(opening)) / 1000, opening)
    hum = 0.3 * np.sin(2 * np.pi * 150 * t)  # of a low voice, whatever the mouth does
    voice = hum + 0.05 * loud * rng.normal(size=len(t))
    return opening, voice.astype(np.float32)


def seen(opening: np.ndarray, late: float, seed: int = 1) -> list[Stretch]:
    """Two stretches of the mouth, `late` seconds before the sound, with a landmarker's noise."""
    rng = np.random.default_rng(seed)
    found = []
    for start in (1.0, 11.0):
        times = start + (np.arange(8 * RATE) + 0.5) / RATE
        at = np.round(1000 * (times + late)).astype(int)
        found.append(Stretch(times, 0.05 * opening[at] + rng.normal(0, 0.01, len(times))))
    return found


@pytest.mark.parametrize("late", [-0.3, -0.04, 0.0, 0.12, 0.4])
def test_the_offset_is_found(late):
    opening, voice = speech()
    offset = estimate_offset(seen(opening, late), voice)
    assert offset is not None and offset.believed
    assert offset.seconds == pytest.approx(late, abs=0.03)


def test_lost_faces_do_not_move_it():
    opening, voice = speech()
    stretches = seen(opening, 0.1)
    stretches[0].aperture[20:40] = np.nan
    stretches.append(Stretch(stretches[1].times, np.full_like(stretches[1].aperture, np.nan)))
    offset = estimate_offset(stretches, voice)
    assert offset is not None and offset.seconds == pytest.approx(0.1, abs=0.03)


def test_another_voice_gives_no_offset():
    opening, _ = speech()
    offset = estimate_offset(seen(opening, 0.0), speech(seed=5)[1])
    assert offset is not None and not offset.believed


def test_a_still_mouth_gives_no_offset():
    _, voice = speech()
    still = [Stretch(s.times, np.full_like(s.aperture, 0.1)) for s in seen(voice, 0.0)]
    offset = estimate_offset(still, voice)
    assert offset is not None and not offset.believed


def test_too_few_frames_give_no_offset():
    opening, voice = speech()
    short = [Stretch(s.times[:20], s.aperture[:20]) for s in seen(opening, 0.0)]
    assert estimate_offset(short, voice) is None
    assert estimate_offset([], voice) is None
    for by_phones in (False, True):
        assert estimate_offset(seen(opening, 0.0), voice[:0], by_phones) is None
    unseen = [Stretch(s.times, np.full_like(s.aperture, np.nan)) for s in seen(opening, 0.0)]
    assert estimate_offset(unseen, voice) is None


def heard(opening: np.ndarray, late: float = 0.0):
    """What stands for `lip_openings`: phones that tell an opening, 50 steps a second, as late."""

    def openings(speech: Speech) -> np.ndarray:
        steps = speech.samples // 320 + 6
        at = (np.arange(steps) + 0.5) / 50 - OTHER_LEAD - late
        return np.interp(at, np.arange(len(opening)) / 1000, opening).astype(np.float32)

    return openings


def whole(opening: np.ndarray, late: float) -> list[Stretch]:
    """One stretch, so early that phones are heard from the first sample on."""
    times = 0.5 + (np.arange(16 * RATE) + 0.5) / RATE
    return [Stretch(times, opening[np.round(1000 * (times + late)).astype(int)])]


def test_phones_that_agree_confirm_the_offset(monkeypatch):
    opening, voice = speech()
    monkeypatch.setattr(sync, "lip_openings", heard(opening))
    offset = estimate_offset(whole(opening, 0.2), voice, by_phones=True)
    assert offset is not None and offset.believed
    assert offset.seconds == pytest.approx(0.2, abs=0.03)


def test_phones_that_disagree_leave_the_sound_where_it_is(monkeypatch):
    opening, voice = speech()
    assert estimate_offset(whole(opening, 0.2), voice).believed
    monkeypatch.setattr(sync, "lip_openings", heard(opening, late=-0.3))
    offset = estimate_offset(whole(opening, 0.2), voice, by_phones=True)
    assert offset is not None and not offset.agreed and not offset.believed


def test_phones_are_heard_where_the_face_is_seen(monkeypatch):
    opening, voice = speech()
    lengths = []
    monkeypatch.setattr(
        sync, "lip_openings", lambda s: lengths.append(s.samples) or np.zeros(s.samples // 320 + 1)
    )
    estimate_offset(seen(opening, 0.0), voice, by_phones=True)
    beside = sync.RANGE + 0.4
    assert np.allclose(np.array(lengths) / 16000, 8 + 2 * beside, atol=0.2)


def heard_in(voice: np.ndarray, opening: np.ndarray):
    """What stands for `lip_openings` of any part of a voice."""

    def openings(speech: Speech) -> np.ndarray:
        (sound,) = speech.cut([(0, 50)])
        first = next(
            k for k in range(0, len(voice), 320) if np.array_equal(voice[k : k + 50], sound)
        )
        at = (np.arange(speech.samples // 320 + 1) + 0.5) / 50 + first / 16000 - OTHER_LEAD
        return np.interp(at, np.arange(len(opening)) / 1000, opening).astype(np.float32)

    return openings


def drifting(opening: np.ndarray, late: float, growth: float) -> list[Stretch]:
    """Eight stretches over 70 s, `late` seconds before the sound and `growth` more a second."""
    found = []
    for start in np.linspace(3, 70, 8):
        times = start + (np.arange(3 * RATE) + 0.5) / RATE
        at = times + late + growth * times
        found.append(Stretch(times, opening[np.round(1000 * at).astype(int)]))
    return found


@pytest.mark.parametrize(
    ("late", "growth", "expected"),
    [(0.0, 0.002, 0.002), (0.2, -0.003, -0.003), (0.1, 0.0, 0.0), (0.0, 0.001, 0.0)],
)
def test_a_sound_that_drifts_away_is_found(monkeypatch, late, growth, expected):
    opening, voice = speech(seconds=80)
    monkeypatch.setattr(sync, "lip_openings", heard_in(voice, opening))
    offset = estimate_offset(drifting(opening, late, growth), voice, by_phones=True)
    assert offset is not None and offset.believed
    assert offset.growth == pytest.approx(expected, abs=0.0007)
    if expected:
        assert offset.seconds == pytest.approx(late, abs=0.04)


def test_a_drift_that_the_phones_do_not_tell_is_none(monkeypatch):
    opening, voice = speech(seconds=80)
    monkeypatch.setattr(sync, "lip_openings", lambda s: np.zeros(s.samples // 320 + 1))
    offset = estimate_offset(drifting(opening, 0.0, 0.003), voice, by_phones=True)
    assert offset is not None and offset.growth == 0
    assert estimate_offset(drifting(opening, 0.0, 0.003), voice).growth == 0  # not asked


def test_without_the_recogniser_the_voice_decides(monkeypatch):
    def missing(_: Speech):
        raise SpeechError("hama is not installed")

    opening, voice = speech()
    monkeypatch.setattr(sync, "lip_openings", missing)
    offset = estimate_offset(seen(opening, 0.12), voice, by_phones=True)
    assert offset is not None and offset.believed
    assert offset.seconds == pytest.approx(0.12, abs=0.03)
