import time
import wave

import av
import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.media.audio import _Resampler, at_speed, read_audio, write_wav
from tests.media.images import grey
from tests.media.late_sound import with_late_sound

SECONDS = 1.0


def encode(path, codec, rate, samples, fmt, layout):
    """Samples [channels, n] to a file of the given codec."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        planar = fmt.endswith("p")
        array = samples if planar else np.ascontiguousarray(samples.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(array, fmt, layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def sine(rate, hertz=300.0, level=0.5):
    return level * np.sin(2 * np.pi * hertz * np.arange(int(SECONDS * rate)) / rate)


def check(waveform, level=0.5, hertz=300.0):
    """A tone of the given level, at its place."""
    middle = waveform[3000:13000]
    t = np.arange(3000, 13000) / 16000
    basis = np.stack([np.sin(2 * np.pi * hertz * t), np.cos(2 * np.pi * hertz * t)])
    a, b = np.linalg.lstsq(basis.T, middle, rcond=None)[0]
    assert np.hypot(a, b) == pytest.approx(level, rel=0.05)
    assert len(waveform) == pytest.approx(16000 * SECONDS, abs=1700)
    return np.arctan2(b, a) / (2 * np.pi * hertz)  # seconds by which the tone is early


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 44101, 48000, 96000, 192000])
def test_every_rate_comes_out_at_16_khz(tmp_path, rate):
    samples = np.round(sine(rate)[None] * 32767).astype(np.int16)
    path = encode(tmp_path / "a.wav", "pcm_s16le", rate, samples, "s16", "mono")
    waveform = read_audio(path)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - 16000) <= 1
    assert abs(check(waveform)) < 1e-4


def test_an_odd_rate_takes_a_fraction_of_the_time_of_its_sound():
    resampler, started = _Resampler(44101, 16000), time.process_time()
    for _ in range(5):
        resampler.push(np.zeros(2 * 44101, np.float32))
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("codec", "fmt", "dtype", "scale"),
    [
        ("pcm_u8", "u8", np.uint8, None),
        ("pcm_s24le", "s32", np.int32, 2**31 - 1),
        ("pcm_s32le", "s32", np.int32, 2**31 - 1),
        ("pcm_f32le", "flt", np.float32, 1.0),
        ("pcm_f64le", "dbl", np.float64, 1.0),
    ],
)
def test_every_sample_format_has_the_same_scale(tmp_path, codec, fmt, dtype, scale):
    x = sine(16000)[None]
    samples = (x * 127 + 128).astype(dtype) if scale is None else (x * scale).astype(dtype)
    check(read_audio(encode(tmp_path / "a.wav", codec, 16000, samples, fmt, "mono")))


def test_mono_is_the_mean_of_the_channels_that_are_not_silent(tmp_path):
    x = sine(44100)
    both = np.stack([x, x]).astype(np.float32)
    left = np.stack([x, 0 * x]).astype(np.float32)
    check(read_audio(encode(tmp_path / "b.wav", "pcm_f32le", 44100, both, "flt", "stereo")), 0.5)
    check(read_audio(encode(tmp_path / "l.wav", "pcm_f32le", 44100, left, "flt", "stereo")), 0.5)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "fmt", "layout"),
    [
        ("a.mp3", "libmp3lame", 44100, "fltp", "stereo"),
        ("a.m4a", "aac", 48000, "fltp", "stereo"),
        ("a.ogg", "libopus", 48000, "flt", "stereo"),
        ("a.flac", "flac", 44100, "s16", "stereo"),
        ("a.aiff", "pcm_s16be", 44100, "s16", "mono"),
    ],
)
def test_common_codecs(tmp_path, name, codec, rate, fmt, layout):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    x = np.stack([sine(rate)] * (2 if layout == "stereo" else 1))
    x = (x * 32767).astype(np.int16) if fmt == "s16" else x.astype(np.float32)
    assert abs(check(read_audio(encode(tmp_path / name, codec, rate, x, fmt, layout)))) < 2e-3


def test_silence_and_too_loud_samples_stay_in_range(tmp_path):
    silence = np.zeros((1, 16000), np.float32)
    path = encode(tmp_path / "s.wav", "pcm_f32le", 16000, silence, "flt", "mono")
    assert not read_audio(path).any()
    loud = np.full((1, 16000), 3.0, np.float32)
    path = encode(tmp_path / "l.wav", "pcm_f32le", 16000, loud, "flt", "mono")
    assert read_audio(path).max() == 1.0


def test_a_cut_wav_gives_what_is_there(tmp_path):
    write_wav(tmp_path / "a.wav", sine(16000).astype(np.float32))
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: len(data) // 2])
    assert len(read_audio(tmp_path / "a.wav")) == pytest.approx(8000, abs=600)


def test_clear_errors(tmp_path):
    with pytest.raises(MediaError, match="not a file"):
        read_audio(tmp_path / "nowhere.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(MediaError, match="no readable media file"):
        read_audio(tmp_path / "text.wav")
    with pytest.raises(MediaError, match="cannot be written"):
        write_wav(tmp_path / "text.wav" / "a.wav", np.zeros(10, np.float32))


def test_video_without_sound_says_so(make_video):
    with pytest.raises(MediaError, match="no sound track"):
        read_audio(make_video([grey(0)] * 3, [0, 40, 80]))


def test_sound_that_starts_after_the_images_keeps_its_place(make_video, tmp_path):
    """Sample 0 is the first image, so a late sound track begins with silence."""
    beep = sine(16000).astype(np.float32)
    beep[:8000] = 0
    images = [grey(i) for i in range(25)]
    path = make_video(images, range(0, 1000, 40), "a.mkv", sound=beep, sound_codec="pcm_s16le")
    late = with_late_sound(path, tmp_path / "late.mkv", 0.4)
    onset = np.flatnonzero(np.abs(read_audio(late)) > 0.1)[0] / 16000
    early = np.flatnonzero(np.abs(read_audio(path)) > 0.1)[0] / 16000
    assert onset - early == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("factor", [1.001, 0.996, 1.00005])
def test_a_sound_at_another_speed_is_higher_and_shorter(factor):
    t = np.arange(300_000) / 16000
    faster = at_speed(np.sin(2 * np.pi * 440 * t).astype(np.float32), factor)
    assert abs(len(faster) - len(t) / factor) <= 1
    expected = np.sin(2 * np.pi * 440 * factor * t)
    n = min(len(faster), len(t)) - 100
    np.testing.assert_allclose(faster[100:n], expected[100:n], atol=2e-4)


def test_wav_is_16_bit_mono_pcm(tmp_path):
    write_wav(tmp_path / "a.wav", np.array([0, 1, -1, 2], np.float32), 22050)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 32767, -32767, 32767]
