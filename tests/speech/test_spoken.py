import numpy as np
import pytest

from audioplane.speech import Speech, ipa
from audioplane.speech.recogniser import SYMBOLS
from audioplane.speech.spoken import CLOSED_LEAD, OTHER_LEAD, heard_phones


def test_phones_are_peaks_less_the_lips_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {60: "m", 61: "m", 63: "m", 70: "ɑ", 80: "m", 90: "m", 95: "ʰ"}

    class Stream:
        """Recognises `said`, and nothing anywhere else."""

        def __init__(self, *args: object):
            self._at = 0

        def push(self, sound: np.ndarray) -> np.ndarray:
            steps = np.zeros((len(sound) // 320, SYMBOLS), np.float32)
            steps[:, -1] = 0.5
            for step, symbol in said.items():
                if 0 <= step - self._at < len(steps):
                    steps[step - self._at, ipa._SYMBOLS.index(symbol)] = 0.9
            self._at += len(steps)
            return steps

    monkeypatch.setattr("audioplane.speech.recogniser.RecogniserStream", Stream)
    monkeypatch.setattr("audioplane.speech.recogniser.open_recogniser", lambda: None)
    monkeypatch.setattr(ipa, "CHUNK", 65 * 320)
    heard = heard_phones(Speech(np.zeros(32000, np.float32)))
    assert [p.symbol for p in heard] == ["m", "ɑ", "m", "m"]
    times = [60.5 / 50 - CLOSED_LEAD, 70.5 / 50 - OTHER_LEAD]
    assert [p.seconds for p in heard[:2]] == pytest.approx(times)


def test_silence_holds_no_phones() -> None:
    pytest.importorskip("hama")
    assert heard_phones(Speech(np.zeros(16000, np.float32))) == []
