import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.media.audio import _Resampler, audio_blocks, read_audio, write_wav
from audioplane.media.container import _wav_parts
from audioplane.media.tracks import _stretched, choose_track, sound_tracks
from tests.media.late_sound import with_late_sound

RATE = 16000


def speech(seconds: float = 2.0, level: float = 0.1) -> np.ndarray:
    """Sound that comes and goes as syllables do."""
    t = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * t) for hertz in (180, 540, 1260, 2340))
    return (level * tones * (np.sin(2 * np.pi * 2 * t) > 0)).astype(np.float32)


def hum(seconds: float = 2.0, level: float = 0.7) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return (level * np.sign(np.sin(2 * np.pi * 50 * t)) * 0.9).astype(np.float32)


def rms(waveform: np.ndarray) -> float:
    return float(np.sqrt((waveform.astype(np.float64) ** 2).mean()))


def stereo(path: Path, left: np.ndarray, right: np.ndarray) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE, layout="stereo")
        both = np.ascontiguousarray(np.stack([left, right]).T).reshape(1, -1).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(both, "flt", "stereo")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def with_tracks(path: Path, *sounds: np.ndarray, titles: tuple[str, ...] = ()) -> Path:
    """A video with several sound tracks, as OBS makes them."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tracks = [container.add_stream("aac", rate=RATE, layout="mono") for _ in sounds]
        for track, title in zip(tracks, titles, strict=False):
            track.metadata["title"] = title
        for i in range(50):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for track, sound in zip(tracks, sounds, strict=True):
            piece = av.AudioFrame.from_ndarray(sound[None], "fltp", "mono")
            piece.sample_rate = RATE
            container.mux(track.encode(piece))
            container.mux(track.encode(None))
    return path


def test_channels_that_cancel_are_noticed_and_the_louder_is_taken(tmp_path):
    """A cable with one pole swapped: the mix was silence, without a warning."""
    path = stereo(tmp_path / "a.wav", 0.9 * speech(), -speech())
    np.testing.assert_allclose(read_audio(path), -speech(), atol=1e-6)
    (note,) = choose_track(path).notes
    assert "cancel each other" in note and "channel 2" in note


def test_silent_channels_do_not_count(tmp_path):
    """Averaging them would cost 6 dB."""
    noise = 1e-5 * np.random.default_rng(0).standard_normal(len(speech()))
    path = stereo(tmp_path / "a.wav", noise, speech())
    np.testing.assert_allclose(read_audio(path), speech(), atol=1e-4)
    assert choose_track(path).notes == ()


def test_channels_that_differ_are_averaged(tmp_path):
    other = np.roll(speech(), 2000)
    path = stereo(tmp_path / "a.wav", speech(), other)
    np.testing.assert_allclose(read_audio(path), (speech() + other) / 2, atol=1e-6)


@pytest.mark.parametrize("first", [np.zeros(2 * RATE, np.float32), hum()], ids=["silence", "hum"])
def test_the_track_that_speaks_is_taken_not_the_first_nor_the_louder(tmp_path, first):
    path = with_tracks(tmp_path / "a.mkv", first, speech(), titles=("Desktop", "Microphone"))
    chosen = choose_track(path)
    assert chosen.number == 2
    assert rms(read_audio(path)) == pytest.approx(rms(speech()), rel=0.1)
    (note,) = chosen.notes
    assert "2 sound tracks" in note and "Microphone" in note and "2 is taken" in note


def test_a_track_can_be_chosen_and_a_wrong_number_names_them(tmp_path):
    path = with_tracks(tmp_path / "a.mkv", hum(), speech(), titles=("Desktop", "Microphone"))
    assert rms(read_audio(path, audio_track=1)) > 3 * rms(read_audio(path))
    with pytest.raises(MediaError, match=r"no sound track 3; it has: 1 \(.*Desktop.*, 2 \(.*Micro"):
        read_audio(path, audio_track=3)
    assert [track.number for track in sound_tracks(path)] == [1, 2]


def test_where_the_sound_begins_and_ends_is_known(tmp_path):
    """Frames before the first sample are no silence."""
    path = with_tracks(tmp_path / "a.mkv", speech(1.0))
    late = with_late_sound(path, tmp_path / "late.mkv", 0.6)
    track = choose_track(late)
    assert track.begins == pytest.approx(0.6, abs=0.07)
    assert track.ends == pytest.approx(1.6, abs=0.1)
    assert not read_audio(late)[: int(track.begins * RATE) - 10].any()
    assert choose_track(path).begins == pytest.approx(0, abs=0.07)


def test_a_header_in_every_chunk_is_read_through(tmp_path):
    """As some speech servers stream: once only the first chunk was read."""
    sound, chunks = speech(2.0), []
    for i in range(4):
        write_wav(tmp_path / "chunk.wav", sound[i * 8000 : (i + 1) * 8000])
        chunks.append((tmp_path / "chunk.wav").read_bytes())
    (tmp_path / "a.wav").write_bytes(b"".join(chunks))
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), sound, atol=1e-4)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_placeholder_lengths_are_read_to_the_end(tmp_path, size):
    write_wav(tmp_path / "a.wav", speech())
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(bytes(data))
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), speech(), atol=1e-4)


def test_floating_point_on_an_integers_scale_is_scaled_and_reported(tmp_path):
    path = stereo(tmp_path / "a.wav", 32768 * speech(), 32768 * speech())
    np.testing.assert_allclose(read_audio(path), speech(), atol=1e-6)
    (note,) = choose_track(path).notes
    assert "16-bit" in note and "scaled" in note
    with pytest.raises(MediaError, match=r"samples up to \de\+3\d: it is damaged"):
        read_audio(stereo(tmp_path / "b.wav", 1e38 * speech(), 1e38 * speech()))


@pytest.mark.parametrize("peak", [1.0001, 1.4, 16.0])
def test_floating_point_above_full_scale_is_not_cut_off(tmp_path, peak):
    sound = speech() * np.float32(peak / np.abs(speech()).max())
    path = stereo(tmp_path / "a.wav", sound, sound)
    np.testing.assert_allclose(read_audio(path), sound / max(1.0, np.abs(sound).max()), atol=1e-4)
    notes = choose_track(path).notes
    assert not notes if peak < 1.01 else f"reach {peak:.2f} times full scale" in notes[0]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_sample_that_is_no_number_is_placed(tmp_path, value):
    sound = speech()
    sound[20000] = value
    with pytest.raises(MediaError, match=r"no number \(.*\) at second 1\.250 \(sample 20000\)"):
        read_audio(stereo(tmp_path / "a.wav", sound, sound))


@pytest.mark.parametrize("rate", [1, 2_000_000_000])
def test_a_crafted_rate_asks_for_no_memory(tmp_path, rate):
    """16,000 samples at 1 Hz would be four hours: 146 GiB were asked for."""
    write_wav(tmp_path / "a.wav", speech())
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[24:28] = struct.pack("<I", rate)
    (tmp_path / "a.wav").write_bytes(bytes(data))
    with pytest.raises(MediaError):
        read_audio(tmp_path / "a.wav")


def test_an_empty_frame_of_another_rate_adds_nothing():
    assert _stretched(np.zeros((2, 0), np.float32), 8000, RATE).shape == (2, 0)


def test_samples_of_64_bits_are_one_line(tmp_path):
    form = struct.pack("<HHIIHH", 1, 1, RATE, 8 * RATE, 8, 64)
    parts = b"WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", 8000) + bytes(8000)
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(parts)) + parts)
    with pytest.raises(MediaError, match=r"a.wav cannot be read: .* is not read \(s64\): save it"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("rate", [44101, 191_999, 767_999])
def test_an_odd_rate_costs_little_memory_and_keeps_step(rate):
    resampler = _Resampler(rate, RATE)
    assert resampler._phases[0].nbytes < 2**25
    assert resampler._up / resampler._down == pytest.approx(RATE / rate, rel=1e-5)


def test_headers_without_samples_are_not_read_for_ever(tmp_path):
    write_wav(tmp_path / "a.wav", speech())
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data + 200_000 * b"JUNK\0\0\0\0" + data)
    assert len(_wav_parts(tmp_path / "a.wav")) == 1


def test_an_unknown_sound_codec_is_one_line(tmp_path):
    path = with_tracks(tmp_path / "a.mkv", speech())
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_ZZZ"))
    with pytest.raises(MediaError, match="sound track of a codec that FFmpeg does not know"):
        read_audio(path)


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 44101])
def test_blocks_are_the_whole_resampled(tmp_path, rate):
    from scipy.signal import resample_poly

    sound = np.random.default_rng(0).uniform(-0.4, 0.4, 5 * rate + 17).astype(np.float32)
    write_wav(tmp_path / "a.wav", sound, rate)
    pcm = (np.round(sound * 32767) / 32768).astype(np.float32)
    common = np.gcd(rate, RATE)
    whole = resample_poly(pcm, RATE // common, rate // common)
    blocks = list(audio_blocks(tmp_path / "a.wav", RATE, 1000))
    assert {len(b) for b in blocks[:-1]} == {1000} and 0 < len(blocks[-1]) <= 1000
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=2e-6)


def test_an_hour_is_read_in_constant_memory(tmp_path):
    import tracemalloc

    rate, minutes = 48000, 6
    with av.open(str(tmp_path / "a.flac"), "w") as container:
        stream = container.add_stream("flac", rate=rate, layout="mono")
        minute = np.resize((speech(2.0) * 3e4).astype(np.int16), (1, 60 * rate))
        for i in range(minutes):
            frame = av.AudioFrame.from_ndarray(minute, "s16", "mono")
            frame.sample_rate, frame.pts = rate, i * 60 * rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for _ in audio_blocks(tmp_path / "a.flac"):
        break  # what is imported once
    tracemalloc.start()
    n = sum(len(block) for block in audio_blocks(tmp_path / "a.flac"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == minutes * 60 * RATE
    assert peak < 8 << 20  # the waveform alone would be 23 MB


def clicks(path: Path, seconds: list[float], pace: float = 1.0) -> np.ndarray:
    """Where clicks are read that a file puts on these seconds; between them `pace` times as many
    samples as their time stamps span."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        block = RATE // 50
        for second in seconds:
            samples = np.zeros((50, 1, block), np.int16)
            samples[0, 0, :20] = 20000
            for i, piece in enumerate(samples):
                frame = av.AudioFrame.from_ndarray(piece, "s16", "mono")
                frame.sample_rate = RATE
                frame.pts = round((second + i / 50 / pace) * RATE)
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    loud = np.flatnonzero(read_audio(path) > 0.3)
    return loud[np.diff(loud, prepend=-RATE) > 400] / RATE


def test_sound_with_more_samples_than_time_stays_in_step(tmp_path):
    seconds = [i / 1.013 for i in range(15)]
    found = clicks(tmp_path / "a.mkv", seconds, pace=1.013)
    np.testing.assert_allclose(found, seconds, atol=0.12)


def test_a_long_pause_is_silence(tmp_path):
    np.testing.assert_allclose(clicks(tmp_path / "a.mkv", [0, 75, 80]), [0, 75, 80], atol=0.01)


def test_time_stamps_that_jump_by_hours_are_not_followed_and_told_of(tmp_path):
    np.testing.assert_allclose(clicks(tmp_path / "a.mkv", [0, 9000, 9001]), [0, 1, 2], atol=0.01)
    assert "jump by 8999 s" in choose_track(tmp_path / "a.mkv").notes[0]
