import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audioplane.errors import MediaError
from audioplane.media.audio import read_audio, write_wav
from audioplane.media.tonemap import HLG, PQ
from audioplane.media.video import VideoWriter, probe_video, read_frames
from tests.media.pictures import grey, number_of


def tone(seconds: float, rate: int = 16000) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(
        np.float32
    )


@pytest.mark.parametrize("fps", [24, 29.97, 30, 50, 60])
def test_any_rate_is_resampled_by_time_stamps(make_video, fps):
    n = 40
    stamps = [round(1000 * i / fps) for i in range(n)]
    frames = [number_of(f) for f in read_frames(make_video(map(grey, range(n)), stamps))]

    assert len(frames) == pytest.approx(25 * n / fps, abs=1)
    for k, shown in enumerate(frames):
        assert shown == pytest.approx((k + 0.5) / 25 * fps - 0.5, abs=0.6)


def test_variable_rate_keeps_every_picture_at_its_time(make_video):
    stamps = [0, 40, 80, 400, 410, 420, 1000]
    frames = [number_of(f) for f in read_frames(make_video(map(grey, range(7)), stamps))]

    for k, shown in enumerate(frames):
        moment = 1000 * (k + 0.5) / 25
        expected = max(i for i, stamp in enumerate(stamps) if stamp <= moment + 2)
        assert shown == expected
    assert 25 <= len(frames) <= 26


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(gaps=st.lists(st.integers(5, 150), min_size=3, max_size=12))
def test_length_follows_the_time_stamps(make_video, gaps):
    stamps = np.concatenate([[0], np.cumsum(gaps)]).tolist()
    frames = list(read_frames(make_video(map(grey, range(len(stamps))), stamps)))

    assert len(frames) / 25 >= (stamps[-1] - 25) / 1000
    numbers = [number_of(f) for f in frames]
    assert numbers == sorted(numbers)


def test_ten_bit_video_becomes_eight_bit(make_video):
    path = make_video(map(grey, range(5)), range(0, 200, 40), pix_fmt="yuv420p10le")
    frames = list(read_frames(path))

    assert [number_of(f) for f in frames] == [0, 1, 2, 3, 4]
    assert frames[0].dtype == np.uint8


@pytest.mark.parametrize(("transfer", "signal"), [(PQ, 0.58), (HLG, 0.75)])
def test_high_dynamic_range_becomes_ordinary(tmp_path, transfer, signal):
    """Diffuse white (203 cd/m²) of a 10-bit film as phones make them, BT.2408."""
    path = tmp_path / "hdr.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, 9, 9
        for i in range(5):
            planes = np.full((72, 64), 512, np.uint16)
            planes[:48] = round(64 + 876 * signal)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p10le")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            frame.color_trc, frame.colorspace = transfer, 9
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    frames = list(read_frames(path))
    assert len(frames) == 5 and frames[0].dtype == np.uint8
    assert np.ptp(frames[2]) <= 2  # grey stays grey
    assert 215 < frames[2].mean() < 250


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj422p"),
        ("a.mp4", "libx265", "yuv420p10le"),
        ("a.mkv", "ffv1", "yuv420p"),
    ],
)
def test_other_cameras_codecs_are_read(make_video, name, codec, pix_fmt):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    pictures = [grey(i, 96, 128) for i in range(10)]
    path = make_video(pictures, range(0, 400, 40), name, codec, pix_fmt)
    numbers = [number_of(f) for f in read_frames(path)]
    assert 9 <= len(numbers) <= 10
    np.testing.assert_allclose(numbers, np.arange(len(numbers)), atol=1)


def test_odd_sizes_are_read(make_video):
    path = make_video(
        [grey(i, 47, 63) for i in range(3)], [0, 40, 80], codec="libx264", pix_fmt="yuv444p"
    )
    assert {f.shape for f in read_frames(path)} == {(47, 63, 3)}


TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""Degrees clockwise, and the display matrix that asks a player for them."""


def rotate_by_metadata(path: Path, degrees: int) -> None:
    """Set the display matrix of an MP4's track header, as phones do."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 16
    a, b, c, d = (0x10000 * v for v in TURNS[degrees])
    data[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_metadata_is_applied(make_video, degrees):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:10] = 255
    image[:10, :20] = 128
    path = make_video([image] * 3, [0, 40, 80])
    rotate_by_metadata(path, degrees)

    frame = next(read_frames(path))
    info = probe_video(path)
    upright = np.rot90(image, -degrees // 90)
    assert frame.shape == upright.shape
    assert (info.height, info.width) == upright.shape[:2]
    assert np.abs(frame.astype(int) - upright).mean() < 4


def test_wide_pixels_become_square(make_video, tmp_path):
    path = make_video([grey(i) for i in range(3)], [0, 40, 80], aspect=Fraction(4, 3))
    assert next(read_frames(path)).shape == (48, 85, 3)
    assert probe_video(path).width == 85


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize(("fps", "first", "end"), [(25, 20, 33), (12, 9, 14), (25, 0, 5)])
def test_a_part_is_what_the_whole_has_there(make_video, name, fps, first, end):
    stamps = np.cumsum([0] + [33, 34, 80, 21] * 14).tolist()
    pictures = [grey(i % 50) for i in range(len(stamps))]
    path = make_video(pictures, stamps, name)
    whole = [number_of(f) for f in read_frames(path, fps)]
    assert [number_of(f) for f in read_frames(path, fps, first, end)] == whole[first:end]


def test_a_part_beyond_the_end_is_empty(make_video):
    path = make_video([grey(i) for i in range(10)], range(0, 400, 40))
    assert list(read_frames(path, 25, 30, 40)) == []


def test_probe_says_what_is_there(make_video):
    with_sound = make_video(map(grey, range(25)), range(0, 1000, 40), sound=tone(1.0))
    info = probe_video(with_sound)
    assert (info.width, info.height, info.has_audio) == (64, 48, True)
    assert info.fps == pytest.approx(25, abs=0.5)
    assert info.duration == pytest.approx(1.0, abs=0.05)
    assert not probe_video(make_video([grey(0)] * 2, [0, 40], "silent.mp4")).has_audio


def test_a_cut_file_yields_what_comes_before_the_cut(make_video):
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(50)]
    path = make_video(noisy, range(0, 2000, 40), "clip.mkv")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])

    frames = list(read_frames(path))
    assert 10 <= len(frames) < 45
    assert np.abs(frames[3].astype(int) - noisy[3].astype(int)).mean() < 60


def test_damaged_bytes_do_not_stop_the_reading(make_video):
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(50)]
    path = make_video(noisy, range(0, 2000, 40), "clip.mkv")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(bytes(data))

    assert len(list(read_frames(path))) >= 40


def test_a_file_without_its_index_is_a_clear_error(make_video):
    path = make_video(map(grey, range(25)), range(0, 1000, 40))
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(MediaError, match="no readable media file"):
        list(read_frames(path))


@pytest.mark.parametrize("content", [b"", b"this is no video at all" * 20])
def test_other_bytes_are_a_clear_error(tmp_path, content):
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match="no readable media file"):
        probe_video(path)


def test_missing_and_soundonly_files_are_clear_errors(tmp_path):
    with pytest.raises(MediaError, match="not a file"):
        probe_video(tmp_path / "nowhere.mp4")
    write_wav(tmp_path / "voice.wav", tone(0.5))
    with pytest.raises(MediaError, match="no video track"):
        next(read_frames(tmp_path / "voice.wav"))


@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
def test_what_is_written_is_read_back(tmp_path, size):
    path = tmp_path / "out.mp4"
    gradient = np.linspace(0, 255, size[1])[None, :, None]
    image = np.broadcast_to(gradient, (*size, 3)).astype(np.uint8)
    with VideoWriter(path, size[1], size[0]) as writer:
        for _ in range(10):
            writer.write(image)

    frames = list(read_frames(path))
    assert len(frames) == 10
    back = frames[4][: size[0], : size[1]].astype(int)
    assert np.abs(back - image).mean() < 3
    assert list(tmp_path.iterdir()) == [path]


def test_colours_survive(tmp_path):
    image = np.zeros((64, 64, 3), np.uint8)
    image[:] = (200, 60, 30)
    with VideoWriter(tmp_path / "red.mp4", 64, 64) as writer:
        for _ in range(3):
            writer.write(image)
    frame = next(read_frames(tmp_path / "red.mp4"))
    assert np.abs(frame.astype(int) - image).max() <= 4


@pytest.mark.parametrize("seconds", [0.7, 2.0, 3.3])
def test_picture_and_sound_end_together_and_in_step(tmp_path, seconds):
    path = tmp_path / "out.mp4"
    sound = np.zeros(int(seconds * 16000), np.float32)
    beep = tone(0.1)
    sound[8000 : 8000 + len(beep)] = beep
    with VideoWriter(path, 64, 48, audio=sound) as writer:
        for i in range(50):
            writer.write(grey(i % 20))

    heard = read_audio(path)
    assert abs(len(heard) / 16000 - 2.0) <= 1 / 25
    onset = int(np.flatnonzero(np.abs(heard) > 0.1)[0])
    assert abs(onset - 8000) < 160


def test_a_failed_writing_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "out.mp4", 64, 48) as writer:
        writer.write(grey(0))
        raise RuntimeError("stopped")
    with pytest.raises(MediaError, match="no frame"), VideoWriter(tmp_path / "out.mp4", 64, 48):
        pass
    with pytest.raises(MediaError, match="does not fit"):
        with VideoWriter(tmp_path / "out.mp4", 64, 48) as writer:
            writer.write(grey(0, 50, 64))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(MediaError, match="cannot be written"):
        VideoWriter(tmp_path / "nowhere" / "out.mp4", 64, 48)


def test_a_film_is_sealed_before_it_gets_its_name(tmp_path):
    path, seen = tmp_path / "a.mp4", []

    def seal(complete: Path) -> None:
        seen.append((probe_video(complete).width, path.exists()))

    with VideoWriter(path, 32, 32, seal=seal) as video:
        video.write(np.zeros((32, 32, 3), np.uint8))
    assert seen == [(32, False)] and path.exists()


def test_a_film_that_cannot_be_sealed_is_not_left_behind(tmp_path):
    def seal(complete: Path) -> None:
        raise MediaError("no seal")

    with pytest.raises(MediaError, match="no seal"):
        with VideoWriter(tmp_path / "a.mp4", 32, 32, seal=seal) as video:
            video.write(np.zeros((32, 32, 3), np.uint8))
    assert not list(tmp_path.iterdir())
