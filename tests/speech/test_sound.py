"""Properties of a sound are the same in memory and block by block."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.errors import SpeechError
from audioplane.experiments.stress.stimuli import shout
from audioplane.media.audio import audio_blocks, read_audio, write_wav
from audioplane.speech import Speech, compute_features, sound
from audioplane.speech.level import CLIPPED_DB, MAX_GAIN_DB, PAUSE, TARGET_DB
from audioplane.synthetic import make_synthetic_sentence

Babble = Callable[..., np.ndarray]


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_spans_are_cut_from_blocks_as_from_the_whole(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(0, 40), max_size=8))
    waveform = np.arange(1, sum(lengths) + 1, dtype=np.float32) / 1000
    blocks = np.split(waveform, np.cumsum(lengths)[:-1]) if lengths else []
    firsts = sorted(data.draw(st.lists(st.integers(-30, 200), min_size=1, max_size=6)))
    spans = [(first, first + data.draw(st.integers(0, 90))) for first in firsts]
    padded = np.pad(waveform, (30, 400))
    for cut in (Speech(waveform).cut(spans), Speech(lambda: blocks).cut(spans)):
        for (first, last), piece in zip(spans, cut, strict=True):
            np.testing.assert_array_equal(piece, padded[first + 30 : last + 30])


def test_properties_from_blocks_are_those_of_the_whole(babble: Babble) -> None:
    waveform = babble(9.0)[:-77]
    whole = Speech(waveform)
    blocks = Speech(lambda: [waveform[i : i + 999] for i in range(0, len(waveform), 999)])
    assert blocks.samples == whole.samples and blocks.frames == whole.frames == 224
    np.testing.assert_allclose(blocks.power, whole.power, rtol=1e-12)
    assert blocks.gain == pytest.approx(whole.gain) and blocks.crest == pytest.approx(whole.crest)
    np.testing.assert_array_equal(blocks.spoken_frames(), whole.spoken_frames())
    np.testing.assert_allclose(blocks.band_means, whole.band_means, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate([*blocks.cut([(0, 7000)])]), waveform[:7000])
    np.testing.assert_array_equal(blocks.opening(500).gain, Speech(waveform[:500]).gain)


def test_mel_bands_are_computed_once_or_for_long_sounds_each_time(
    babble: Babble, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech, longer = Speech(babble(1.0)), Speech(babble(1.0))
    kept = [chunk for chunk in speech.band_powers()]
    assert all(a is b for a, b in zip(kept, speech.band_powers(), strict=True))
    monkeypatch.setattr(sound, "KEPT", 8000)
    for a, b in zip(kept, longer.band_powers(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert next(iter(longer.band_powers())) is not next(iter(longer.band_powers()))


def test_a_long_file_is_not_kept_in_memory(
    babble: Babble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "speech.wav", []
    write_wav(path, babble(2.5))
    kept = Speech.read(path)
    np.testing.assert_array_equal(next(kept.cut([(0, 40000)])), read_audio(path))
    monkeypatch.setattr(sound, "KEPT", 20000)
    count = lambda *a, **k: opened.append(a) or audio_blocks(*a, **k)  # noqa: E731
    monkeypatch.setattr("audioplane.media.audio.audio_blocks", count)
    long = Speech.read(path)
    assert len(opened) == 1 and long.samples == 40000 and len(opened) == 2
    np.testing.assert_array_equal(compute_features(long, "mel"), compute_features(kept, "mel"))


@pytest.mark.parametrize("sound", [[0.0, 0.1], (block for block in [np.zeros(640)])])
def test_what_can_be_read_only_once_is_no_sound(sound: object) -> None:
    with pytest.raises((SpeechError, TypeError)):  # TypeError: of jaxtyping's hook
        Speech(sound)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", ["mel", "ipa"])
def test_blocks_that_end_earlier_the_second_time_are_refused(kind: str) -> None:
    blocks = iter([np.full(16000, 0.1, np.float32)] * 3)
    with pytest.raises(SpeechError, match="ends after 0 samples, it had 48000"):
        compute_features(Speech(lambda: blocks), kind)


def test_a_fault_far_into_the_blocks_is_named_with_its_place() -> None:
    blocks = [np.zeros(16000, np.float32), np.full(3, np.nan, np.float32)]
    with pytest.raises(SpeechError, match=r"nan at 1\.000 s"):
        _ = Speech(lambda: blocks).gain


@pytest.mark.parametrize("seconds", [0.3, 1.0, 4.0])
def test_narrow_band_sound_is_recognised(seconds: float) -> None:
    waveform = make_synthetic_sentence(4.0, seed=3).waveform[: int(16000 * seconds)]
    spectrum = np.fft.rfft(waveform)
    hertz = np.fft.rfftfreq(len(waveform), 1 / 16000)
    telephone = np.fft.irfft(spectrum * ((hertz > 300) & (hertz < 3400)), len(waveform))
    assert not Speech(waveform).is_narrow
    assert Speech(telephone.astype(np.float32)).is_narrow
    assert not Speech(np.zeros(16000, np.float32)).is_narrow


def test_speech_is_brought_to_the_target() -> None:
    steady = np.sin(np.arange(16000) * 0.3).astype(np.float32) * 0.02
    power = np.mean((steady * Speech(steady).gain) ** 2)
    np.testing.assert_allclose(10 * np.log10(power), TARGET_DB, atol=0.1)


@settings(deadline=None, max_examples=20)
@given(st.floats(-30, 10), st.integers(0, 40))
def test_gain_follows_level_and_ignores_silence(
    babble: Babble, decibels: float, silent_blocks: int
) -> None:
    speech = babble(1.0)
    factor = 10 ** (decibels / 20)
    padded = np.pad(speech, (640 * silent_blocks, 320 * silent_blocks)) * np.float32(factor)
    np.testing.assert_allclose(Speech(padded).gain * factor, Speech(speech).gain, rtol=1e-3)


def test_silence_and_hiss_are_not_amplified() -> None:
    assert Speech(np.zeros(16000, np.float32)).gain == 1.0
    assert Speech(np.zeros(3, np.float32)).gain == 1.0
    hiss = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 5e-4
    np.testing.assert_allclose(20 * np.log10(Speech(hiss).gain), MAX_GAIN_DB)


def test_pauses_and_speech_are_distinguished() -> None:
    tone = np.sin(np.arange(3200) * 0.3).astype(np.float32) * 0.1
    hiss = np.random.default_rng(0).standard_normal(3200).astype(np.float32) * 1e-3
    sound = np.concatenate([hiss, tone, np.zeros(3200, np.float32), tone])
    np.testing.assert_array_equal(Speech(sound).active, np.repeat([False, True, False, True], 10))
    assert Speech(np.zeros(319, np.float32)).active.shape == (0,)


def test_short_pauses_belong_to_the_speech_and_long_silence_does_not() -> None:
    tone = np.sin(np.arange(6400) * 0.3).astype(np.float32) * 0.1  # 10 frames
    still = np.zeros(40 * 640, np.float32)
    sound = np.concatenate([tone, still[: 12 * 640], tone, still])
    spoken = Speech(sound).spoken_frames()
    assert spoken[: 32 + PAUSE].all()
    assert not spoken[32 + PAUSE :].any()
    assert not Speech(still).spoken_frames().any()


def test_the_crest_factor_recognises_clipping() -> None:
    sine = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
    crest = Speech(0.3 * sine).crest
    assert crest is not None
    np.testing.assert_allclose(crest, 10 * np.log10(2), atol=0.05)
    bursts = np.random.default_rng(0).laplace(size=16000).astype(np.float32) / 20
    whole, shouted = Speech(bursts).crest, Speech(shout(bursts)).crest
    assert whole is not None and shouted is not None
    assert shouted < CLIPPED_DB < whole
    np.testing.assert_allclose(Speech(np.pad(bursts, (8000, 8000))).crest, whole, atol=0.1)
    assert Speech(np.zeros(16000, np.float32)).crest is None
