import os
from pathlib import Path

import av
import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.media.audio import audio_blocks, read_audio, write_wav
from audioplane.media.video import probe_video, read_frames
from audioplane.media.writer import TransparentVideoWriter, VideoWriter, check_video_output
from tests.media.images import grey
from tests.media.test_video import tone


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
def test_images_and_sound_end_together_and_in_step(tmp_path, seconds):
    path = tmp_path / "out.mp4"
    sound = np.zeros(int(seconds * 16000), np.float32)
    beep = tone(0.1)
    sound[8000 : 8000 + len(beep)] = beep
    with VideoWriter(path, 64, 48, audio=sound) as writer:
        for i in range(50):
            writer.write(grey(i % 20))

    decoded = read_audio(path)
    assert abs(len(decoded) / 16000 - 2.0) <= 1 / 25
    onset = int(np.flatnonzero(np.abs(decoded) > 0.1)[0])
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


def test_a_writer_is_closed_once(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", 64, 48) as writer:
        writer.write(grey(0))
        writer.close()
        writer.close()
        assert (tmp_path / "out.mp4").exists()
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "b.mp4", 64, 48) as writer:
        writer.write(grey(0))
        writer.close()
        raise RuntimeError("stopped")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.mp4", "out.mp4"]


def test_sound_that_cannot_be_encoded_is_refused_before_the_first_frame(tmp_path, monkeypatch):
    with pytest.raises(MediaError, match=r"Opus has no sound at 44,100 .* choose one of 8,000, "):
        VideoWriter(tmp_path / "a.webm", 64, 48, audio=tone(0.1), audio_rate=44100)
    found = frozenset({"libx264", "libvpx-vp9", "libopus"})
    monkeypatch.setattr(av, "codecs_available", found)
    with pytest.raises(MediaError, match="no encoder aac: pip install --force-reinstall av"):
        VideoWriter(tmp_path / "a.mp4", 64, 48, audio=tone(0.1))
    monkeypatch.setattr(av, "codecs_available", found - {"libvpx-vp9"})
    with pytest.raises(MediaError, match="no encoder libvpx-vp9: pip"):
        check_video_output(tmp_path / "a.webm")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_sound_that_is_no_number_is_not_written(tmp_path, value):
    sound = np.full(1000, value, np.float32)
    with pytest.raises(MediaError, match="no number"):
        write_wav(tmp_path / "a.wav", sound)
    with pytest.raises(MediaError, match="no number"):
        with VideoWriter(tmp_path / "a.mp4", 64, 48, audio=sound) as writer:
            writer.write(grey(0))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="cannot be written"):
        VideoWriter(tmp_path / "file" / "out.mp4", 64, 48)


def decoded_with_alpha(path: Path) -> list[np.ndarray]:
    decoder = av.CodecContext.create("libvpx-vp9", "r")
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        return [f.to_ndarray(format="rgba") for p in packets for f in decoder.decode(p)]


def test_webm_keeps_alpha(tmp_path):
    frame = np.zeros((64, 96, 4), np.uint8)
    frame[:, :48] = (200, 60, 30, 255)
    frame[:, 48:72] = (200, 60, 30, 128)
    frame[:, 72:] = (200, 60, 30, 0)
    with TransparentVideoWriter(tmp_path / "a.webm", 96, 64) as writer:
        for _ in range(5):
            writer.write(frame)
    back = decoded_with_alpha(tmp_path / "a.webm")
    assert len(back) == 5
    assert np.abs(back[3].astype(int) - frame)[:, [20, 60, 90]].max() <= 6
    with pytest.raises(MediaError, match="webm"):
        TransparentVideoWriter(tmp_path / "a.mp4", 96, 64)


def test_a_video_is_sealed_before_it_gets_its_name(tmp_path):
    path, seen = tmp_path / "a.mp4", []

    def seal(complete: Path) -> None:
        seen.append((probe_video(complete).width, path.exists()))

    with VideoWriter(path, 32, 32, seal=seal) as video:
        video.write(np.zeros((32, 32, 3), np.uint8))
    assert seen == [(32, False)] and path.exists()


def test_a_video_that_cannot_be_sealed_is_not_left_behind(tmp_path):
    def seal(complete: Path) -> None:
        raise MediaError("no seal")

    with pytest.raises(MediaError, match="no seal"):
        with VideoWriter(tmp_path / "a.mp4", 32, 32, seal=seal) as video:
            video.write(np.zeros((32, 32, 3), np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("suffix", "format", "video", "audio"),
    [
        (".mp4", "mp4", "h264", "aac"),
        (".mov", "mov", "h264", "aac"),
        (".MKV", "matroska", "h264", "aac"),
        (".webm", "webm", "vp9", "opus"),
    ],
)
def test_the_name_says_the_container(tmp_path, suffix, format, video, audio):
    """`--out x.webm` once gave an MP4 of that name."""
    path = tmp_path / f"out{suffix}"
    with VideoWriter(path, 64, 48, audio=tone(0.4)) as writer:
        for i in range(10):
            writer.write(grey(i))
    with av.open(str(path)) as container:
        assert format in container.format.name.split(",")
        found = {s.type: s.codec_context.name for s in container.streams}
        assert video in found["video"] and audio in found["audio"]
    if suffix in (".mp4", ".mov"):
        assert path.read_bytes()[4:12] == {".mp4": b"ftypisom", ".mov": b"ftypqt  "}[suffix]
    assert len(list(read_frames(path))) == 10
    assert len(read_audio(path)) == pytest.approx(6400, abs=1100)


@pytest.mark.parametrize("name", ["x", "x.avi", "x.mp4.txt"])
def test_other_names_are_refused_with_a_list(tmp_path, name):
    for refuse in (check_video_output, lambda path: VideoWriter(path, 64, 48)):
        with pytest.raises(MediaError, match=r"ends in one of \.mp4, \.mov, \.mkv, \.webm"):
            refuse(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("crf", "name"), [(99, "x.mp4"), (-1, "x.mp4"), (64, "x.webm")])
def test_qualities_have_bounds(tmp_path, crf, name):
    with pytest.raises(MediaError, match=r"crf=-?\d+ is no quality: choose 0 \(lossless\) to"):
        VideoWriter(tmp_path / name, 64, 48, crf=crf)
    with pytest.raises(MediaError, match="no quality"):
        check_video_output(tmp_path / name, crf=crf)


def test_folders_are_made_and_a_colon_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("new/folder/take: 1.mp4")
    check_video_output(path)
    assert not Path("new").exists()
    with VideoWriter(path, 64, 48) as writer:
        writer.write(grey(0))
    assert os.listdir("new/folder") == ["take: 1.mp4"]


def test_the_sound_that_is_read_is_not_overwritten(tmp_path):
    speech = tmp_path / "speech.mp4"
    speech.touch()
    with pytest.raises(MediaError, match="would be overwritten"):
        check_video_output(tmp_path / "speech.mp4", speech)


def test_sound_in_blocks_and_from_a_file_is_the_same_sound(tmp_path):
    write_wav(tmp_path / "a.wav", tone(1.3))
    whole = read_audio(tmp_path / "a.wav")
    kinds = {
        "whole": whole,
        "blocks": (whole[i : i + 777] for i in range(0, len(whole), 777)),
        "file": tmp_path / "a.wav",
    }
    decoded = {}
    for name, sound in kinds.items():
        with VideoWriter(tmp_path / f"{name}.mp4", 64, 48, audio=sound) as writer:
            for i in range(50):
                writer.write(grey(i % 20))
        decoded[name] = read_audio(tmp_path / f"{name}.mp4")
    assert len(decoded["whole"]) == pytest.approx(32000, abs=640)
    for name in ("blocks", "file"):
        np.testing.assert_array_equal(decoded[name], decoded["whole"])


def test_sound_is_asked_for_only_as_it_is_written(tmp_path):
    asked = []

    def blocks():
        for second in range(3600):
            asked.append(second)
            yield np.zeros(16000, np.float32)

    with VideoWriter(tmp_path / "a.mp4", 64, 48, audio=blocks()) as writer:
        for i in range(30):
            writer.write(grey(i))
    assert asked == [0, 1]


def test_a_sound_that_breaks_off_leaves_nothing(tmp_path):
    def blocks():
        yield np.zeros(100, np.float32)
        raise MediaError("the sound is damaged")

    with pytest.raises(MediaError, match="the sound is damaged"):
        with VideoWriter(tmp_path / "a.mp4", 64, 48, audio=blocks()) as writer:
            writer.write(grey(0))
    with pytest.raises(MediaError, match="not a file"):
        VideoWriter(tmp_path / "a.mp4", 64, 48, audio=tmp_path / "nowhere.wav").write(grey(0))
    del writer
    assert len(list(audio_blocks(silence(tmp_path / "s.wav")))) == 1


def silence(path: Path) -> Path:
    write_wav(path, np.zeros(1600, np.float32))
    return path
