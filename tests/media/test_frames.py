import numpy as np
import pytest

from audioplane.media.frames import VoiceFrames, image_frame, sound_frame


def tone(rate: int, seconds: float) -> np.ndarray:
    return np.round(8000 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate))


def test_frames_hold_what_was_given_and_when():
    pcm = tone(16000, 0.02).astype("<i2").tobytes()
    sound = sound_frame(pcm, 16000, 320)
    assert sound.to_ndarray().tobytes() == pcm
    assert sound.pts is not None and sound.pts * sound.time_base == pytest.approx(0.02)
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    frame = image_frame(image, 640, 16000)
    assert (frame.to_ndarray() == image).all()
    assert frame.pts is not None and frame.pts * frame.time_base == pytest.approx(0.04)


def test_a_voice_of_48_khz_becomes_16_khz_without_a_seam():
    sound = tone(48000, 1.0).astype("<i2")
    voice = VoiceFrames(16000)
    pieces = [
        voice.pcm(sound_frame(sound[i : i + 960].tobytes(), 48000, i)) for i in range(0, 48000, 960)
    ]
    decoded = np.frombuffer(b"".join(pieces), "<i2").astype(float)
    assert 15900 < len(decoded) <= 16000
    expected, middle = tone(16000, 1.0), slice(2000, 14000)
    late = max(range(40), key=lambda lag: float(decoded[lag:][middle] @ expected[middle]))
    assert np.abs(decoded[late:][middle] - expected[middle]).max() < 400
