from collections.abc import Callable

import numpy as np
import pytest

from audioplane.errors import SpeechError
from audioplane.speech import Speech, compute_features, phones
from audioplane.speech.phones import (
    CENTRE,
    PHONES,
    SPREAD,
    phone_steps,
)

Babble = Callable[..., np.ndarray]


def decode_phones(waveform: np.ndarray) -> np.ndarray:
    return np.concatenate([*phones.decode_phones(Speech(waveform))])


def phone_features(waveform: np.ndarray) -> np.ndarray:
    return compute_features(waveform, "phones")


def test_every_step_is_a_distribution_over_40_phones(babble: Babble) -> None:
    steps = np.concatenate([*phone_steps(Speech(babble(1.5)))]) * SPREAD + CENTRE
    assert steps.shape[1] == len(PHONES) == 40
    np.testing.assert_allclose(steps.sum(1), 1, atol=1e-5)
    assert (steps > -1e-6).all()


def test_silence_is_silence_and_needs_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones, "_open_decoder", None)
    features = phone_features(np.zeros(3200, np.float32)) * SPREAD + CENTRE
    assert features.shape == (5, 16, 40)
    np.testing.assert_allclose(features, np.eye(40)[:1][None].repeat(5, 0).repeat(16, 1), atol=1e-5)


def test_a_decoded_phone_lies_where_it_was_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = np.zeros(200, int)
    decoded[100:104] = 2  # centred on 1.0128 s + 15 ms
    monkeypatch.setattr(phones, "decode_phones", lambda speech: iter([decoded]))
    spoken = phone_features(np.zeros(32000, np.float32))[:, :, 2] * SPREAD + CENTRE
    times = (np.arange(50)[:, None] + 0.5) / 25 + (np.arange(16) - 7.5) * 0.02
    assert abs((times * spoken).sum() / spoken.sum() - 1.0278) < 1e-3


def test_a_shift_of_whole_frames_shifts_most_phones(babble: Babble) -> None:
    speech = babble(2.0)
    early, late = decode_phones(speech), decode_phones(np.pad(speech, (640, 0)))
    assert len(set(early)) > 4
    assert (late[4:] == early).mean() > 0.7


def test_decoding_in_pieces_agrees_with_the_whole(
    babble: Babble, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech = babble(3.0)
    whole = decode_phones(speech)
    monkeypatch.setattr(phones, "PIECE", 16000)
    pieces = decode_phones(speech)
    assert len(pieces) == len(whole) == 300
    assert (pieces == whole).mean() > 0.6


def test_decoding_twice_gives_the_same(babble: Babble) -> None:
    speech = babble(1.0)
    np.testing.assert_array_equal(decode_phones(speech), decode_phones(speech))


def test_a_missing_decoder_is_named(babble: Babble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETSPHINX_PATH", "nowhere")
    with pytest.raises(SpeechError, match="pocketsphinx does not load"):
        decode_phones(babble(0.5))
