import numpy as np
import pytest

from audioplane.clock import SAMPLE_RATE
from audioplane.synthetic.phonemes import PHONEMES, SILENCE
from audioplane.synthetic.script import TimedPhoneme, script
from audioplane.synthetic.voice import Voice, synthesize


def _hold(symbol: str) -> np.ndarray:
    """A phoneme held for half a second between pauses, without the pauses."""
    timed = [
        TimedPhoneme(SILENCE, 0.0, 0.2, 1.0, 120.0),
        TimedPhoneme(symbol, 0.2, 0.7, 1.0, 120.0),
        TimedPhoneme(SILENCE, 0.7, 0.9, 1.0, 120.0),
    ]
    return synthesize(timed, 0)[int(0.25 * SAMPLE_RATE) : int(0.65 * SAMPLE_RATE)]


def _spectrum(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    return np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE), power


def test_speech_has_the_usual_level_and_length() -> None:
    wave = synthesize(script(0, 12.0), 0)
    assert wave.dtype == np.float32
    assert len(wave) == 12 * SAMPLE_RATE
    assert np.abs(wave).max() < 1
    assert 20 * np.log10(np.sqrt((wave**2).mean())) == pytest.approx(-20, abs=2)


def test_the_same_seed_makes_the_same_bits() -> None:
    timed = script(3, 4.0)
    assert np.array_equal(synthesize(timed, 3), synthesize(timed, 3))
    assert not np.array_equal(synthesize(timed, 3), synthesize(timed, 4))


def test_pauses_are_quiet_and_not_digitally_dead() -> None:
    timed = script(0, 6.0)
    wave = synthesize(timed, 0)
    pauses = [t for t in timed if t.symbol == SILENCE]
    for p in pauses:
        inside = wave[int((p.start + 0.1) * SAMPLE_RATE) : int((p.end - 0.05) * SAMPLE_RATE)]
        assert 0 < np.sqrt((inside**2).mean()) < 0.003


@pytest.mark.parametrize("symbol", ["AA", "IY", "UW", "EH"])
def test_a_vowel_sounds_at_its_formants(symbol: str) -> None:
    hz, power = _spectrum(_hold(symbol))
    for formant in PHONEMES[symbol].formants[:2]:
        near = power[np.abs(hz - formant) < 130].max()
        off = power[(np.abs(hz - formant) > 330) & (np.abs(hz - formant) < 460)]
        assert near > 2 * np.median(off), f"no peak at {formant} Hz"


@pytest.mark.parametrize(("symbol", "low", "high"), [("S", 4500, 7800), ("SH", 2200, 4500)])
def test_a_hiss_lies_where_it_belongs(symbol: str, low: float, high: float) -> None:
    hz, power = _spectrum(_hold(symbol))
    assert power[(hz > low) & (hz < high)].sum() > 0.6 * power.sum()


def test_nothing_clicks() -> None:
    """A click is a lone jump far beyond what its surroundings (5 ms) do."""
    jumps = np.abs(np.diff(synthesize(script(1, 10.0), 1).astype(np.float64), 2))
    around = np.sqrt(np.convolve(jumps**2, np.ones(81) / 81, mode="same"))
    assert (jumps > 8.5 * around).sum() == 0


def test_a_shorter_vocal_tract_has_higher_resonances() -> None:
    timed = [TimedPhoneme("AA", 0.0, 0.6, 1.0, 120.0)]

    def centre(voice: Voice) -> float:
        frequencies, power = _spectrum(synthesize(timed, 0, voice))
        heard = (frequencies > 300) & (frequencies < 2500)
        return float((frequencies * power)[heard].sum() / power[heard].sum())

    short, usual, long = (centre(Voice(tract=tract)) for tract in (1.2, 1.0, 0.86))
    assert long < usual < short
    assert np.array_equal(synthesize(timed, 0, Voice()), synthesize(timed, 0))
