import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audioplane.errors import MediaError
from audioplane.media.audio import read_audio, write_wav
from audioplane.media.tonemap import HLG, PQ
from audioplane.media.video import probe_video, read_frames, to_rgb
from tests.media.images import grey, number_of


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


def test_variable_rate_keeps_every_image_at_its_time(make_video):
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
def test_high_dynamic_range_becomes_standard(tmp_path, transfer, signal):
    """Diffuse white (203 cd/m²) of a 10-bit video of phones, BT.2408."""
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
    images = [grey(i, 96, 128) for i in range(10)]
    path = make_video(images, range(0, 400, 40), name, codec, pix_fmt)
    numbers = [number_of(f) for f in read_frames(path)]
    assert 9 <= len(numbers) <= 10
    np.testing.assert_allclose(numbers, np.arange(len(numbers)), atol=1)


def test_odd_sizes_are_read(make_video):
    path = make_video(
        [grey(i, 47, 63) for i in range(3)], [0, 40, 80], codec="libx264", pix_fmt="yuv444p"
    )
    assert {f.shape for f in read_frames(path)} == {(47, 63, 3)}


MATRICES = {
    "as it is": (1, 0, 0, 1),
    "90": (0, 1, -1, 0),
    "180": (-1, 0, 0, -1),
    "270": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "anti-transposed": (0, -1, -1, 0),
}
"""The display matrices that put pixels on pixels."""


def show_by(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Set the display matrix of an MP4's track header, as phones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 16
    a, b, c, d = (0x10000 * v for v in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(bytes(data))


def shown(image: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Pixel by pixel what ISO 14496-12 says: (x, y) goes to (ax + cy, bx + dy)."""
    a, b, c, d = matrix
    y, x = np.indices(image.shape[:2])
    new_x, new_y = a * x + c * y, b * x + d * y
    new_x, new_y = new_x - new_x.min(), new_y - new_y.min()
    out = np.zeros((new_y.max() + 1, new_x.max() + 1, 3), np.uint8)
    out[new_y, new_x] = image
    return out


@pytest.mark.parametrize("tag", [5, 6])
def test_both_numbers_of_a_colour_matrix_are_known(tag):
    skin = np.full((720, 64, 3), (205, 150, 125), np.uint8)
    frame = av.VideoFrame.from_ndarray(skin, "rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU601)
    frame.colorspace = tag
    assert np.abs(to_rgb(frame).astype(int) - skin).max() <= 2


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES.keys())
def test_every_display_matrix_is_applied(make_video, matrix):
    """One that mirrors was once taken for half a turn: the head hung upside down."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:10] = 255
    image[:10, :20] = 128
    path = make_video([image] * 3, [0, 40, 80])
    show_by(path, matrix)

    frame = next(read_frames(path))
    info = probe_video(path)
    upright = shown(image, matrix)
    assert frame.shape == upright.shape
    assert (info.height, info.width) == upright.shape[:2]
    assert np.abs(frame.astype(int) - upright).mean() < 4


def test_wide_pixels_become_square(make_video, tmp_path):
    path = make_video([grey(i) for i in range(3)], [0, 40, 80], aspect=Fraction(4, 3))
    assert next(read_frames(path)).shape == (48, 85, 3)
    assert probe_video(path).width == 85


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize(
    ("fps", "first", "end"), [(25, 20, 33), (12, 9, 14), (25, 5, 8), (25, 0, 5)]
)
def test_a_part_equals_that_of_the_whole(make_video, name, fps, first, end):
    stamps = np.cumsum([0] + [33, 34, 80, 21] * 14).tolist()
    images = [grey(i % 50) for i in range(len(stamps))]
    path = make_video(images, stamps, name)
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


def test_the_length_is_that_of_the_images_that_are_there(make_video, tmp_path):
    images, sound = [grey(i) for i in range(25)], np.zeros(16000 * 5, np.float32)
    path = make_video(images, range(0, 1000, 40), "a.mkv", sound=sound)
    assert probe_video(path).duration == pytest.approx(1.0, abs=0.06)


def test_a_cut_file_yields_what_comes_before_the_cut(make_video):
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(50)]
    path = make_video(noisy, range(0, 2000, 40), "clip.mkv")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])

    frames = list(read_frames(path))
    assert 10 <= len(frames) < 45
    assert np.abs(frames[3].astype(int) - noisy[3].astype(int)).mean() < 60


def test_a_file_that_is_cut_behind_its_index_misses_what_it_states(make_video, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (50, 48, 64, 3), dtype=np.uint8)
    whole, cut = make_video(noise, range(0, 2000, 40)), tmp_path / "cut.mp4"
    with (
        av.open(str(whole)) as source,
        av.open(str(cut), "w", options={"movflags": "faststart"}) as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)
    assert probe_video(cut).missing == pytest.approx(0, abs=0.05)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    info = probe_video(cut)
    assert info.duration < 1.5 and info.duration + info.missing == pytest.approx(2, abs=0.05)


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


def test_time_stamps_that_start_again_go_on(make_video, tmp_path):
    """Two concatenated recordings, as from `cat` and some recorders."""
    beep = np.zeros(16000, np.float32)
    beep[12000:12800] = tone(0.05)
    parts = [
        make_video(
            [grey(25 * part + i) for i in range(25)], range(0, 1000, 40), f"{part}.ts", sound=beep
        )
        for part in range(2)
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    numbers = [number_of(f) for f in read_frames(both)]
    np.testing.assert_allclose(numbers, np.arange(50), atol=1)
    assert [number_of(f) for f in read_frames(both, 25, 30, 35)] == numbers[30:35]
    sound = np.abs(read_audio(both)) > 0.1
    onsets = np.flatnonzero(sound & ~np.roll(sound, 1600))
    assert onsets[0] / 16000 == pytest.approx(0.75, abs=0.08)
    second = onsets[onsets > 20000][0]
    assert (second - onsets[0]) / 16000 == pytest.approx(1.0, abs=0.03)


def test_fields_are_combined(tmp_path):
    """What moves sideways is torn into lines by interlacing; the torn edge is smooth again."""
    path = tmp_path / "tv.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"flags": "+ilme+ildct"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for i in range(8):
            image = np.zeros((96, 128, 3), np.uint8)
            image[0::2, : 10 + 8 * i] = 255
            image[1::2, : 14 + 8 * i] = 255
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert probe_video(path).interlaced
    frames = list(read_frames(path))
    assert len(frames) == 8
    rows = frames[4].astype(float)[8:88].mean((1, 2))
    assert np.abs(np.diff(rows)).max() < 4


def test_a_colon_in_a_name_is_no_protocol(make_video, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video([grey(i) for i in range(5)], range(0, 200, 40)).rename("a: b.mp4")
    assert len(list(read_frames(Path("a: b.mp4")))) == 5
    write_wav(Path("take:1.wav"), tone(0.5))
    assert len(read_audio(Path("take:1.wav"))) == 8000


def test_a_recording_of_a_browser_has_no_duration(make_video, tmp_path):
    path = make_video([grey(i) for i in range(50)], range(0, 2000, 40), "a.mkv")
    data = path.read_bytes()
    at = data.index(b"\x44\x89")  # Matroska's Duration
    path.write_bytes(data[:at] + b"\xec" + data[at + 2 :])  # Void
    assert probe_video(path).duration == pytest.approx(2.0, abs=0.06)


def test_an_unknown_codec_is_one_line(make_video):
    path = make_video([grey(i) for i in range(5)], range(0, 200, 40))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9"))
    for read in (
        probe_video,
        lambda p: list(read_frames(p)),
        lambda p: list(read_frames(p, 25, 2)),
    ):
        with pytest.raises(MediaError, match="codec that FFmpeg does not know"):
            read(path)
