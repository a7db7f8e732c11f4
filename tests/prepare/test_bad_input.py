"""Videos with something wrong that can be prepared all the same: what is kept and reported."""

import av
import numpy as np

from audioplane.media.audio import read_audio
from audioplane.media.writer import VideoWriter
from audioplane.prepare import prepare_subject
from audioplane.progress import Progress
from audioplane.subject import load_subject
from tests.face.figure import SIZE, WALL, draw
from tests.prepare.conftest import FRAMES, QUICK, write_clip


def voice(frames: int) -> np.ndarray:
    t = np.arange(frames * 640)
    return (0.3 * np.sin(t * 0.1) * np.sin(t * 1e-3)).astype(np.float32)


def make_clip(path, images, sound: np.ndarray):
    """A video whose images and sound may end at different times."""
    with VideoWriter(path, SIZE, SIZE, crf=8) as writer:
        for image in images:
            writer.write(image)
    joined = path.with_name("joined.mkv")
    with av.open(str(path)) as source, av.open(str(joined), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        track = target.add_stream("pcm_s16le", rate=16000, layout="mono")
        for packet in source.demux(video=0):
            if packet.pts is not None:
                packet.stream = video
                target.mux(packet)
        samples = (sound * 32767).astype(np.int16)[None]
        piece = av.AudioFrame.from_ndarray(samples, "s16", "mono")
        piece.sample_rate = 16000
        target.mux(track.encode(piece))
        target.mux(track.encode(None))
    return joined


class Listener:
    """Keeps the messages for the user."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, progress: Progress) -> None:
        if progress.message:
            self.said.append(f"{progress.task}: {progress.message}")

    def reported(self, *words: str) -> bool:
        return any(all(w in line for w in words) for line in self.said)


def test_frames_after_the_end_of_the_sound_are_left_out(tmp_path):
    clip = make_clip(tmp_path / "v.mp4", [draw(i) for i in range(75)], voice(44))
    listener = Listener()
    info = prepare_subject(clip, tmp_path / "s", QUICK, listener)

    assert set(info.flags.values()) == {"no sound"}
    assert sorted(info.flags) == list(range(49, 75))
    assert listener.reported("preflight", "the sound ends before the images")
    subject = load_subject(tmp_path / "s")
    assert len(read_audio(subject.paths.audio)) == 75 * 640
    assert len(subject.train) + len(subject.val) == 49


def test_frames_before_the_first_sound_are_left_out(tmp_path):
    late = np.concatenate([np.zeros(31 * 640, np.float32), voice(44)])
    clip = make_clip(tmp_path / "v.mp4", [draw(i) for i in range(75)], late)
    info = prepare_subject(clip, tmp_path / "s", QUICK)
    assert info.flags == dict.fromkeys(range(26), "no sound")


def test_sound_that_outlasts_the_images_is_cut(tmp_path):
    clip = make_clip(tmp_path / "v.mp4", [draw(i) for i in range(FRAMES)], voice(3 * FRAMES))
    info = prepare_subject(clip, tmp_path / "s", QUICK)
    assert info.n_frames == FRAMES and not info.flags
    assert len(read_audio(tmp_path / "s" / "aud.wav")) == FRAMES * 640


def scene(i: int, wall: tuple[int, int, int]) -> np.ndarray:
    """The figure before another wall."""
    image = draw(i)
    image[(np.abs(image.astype(int) - WALL) <= 12).all(-1)] = wall
    return image


def test_parts_with_another_scene_are_left_out_and_reported(tmp_path):
    frames = [draw(i) for i in range(30)]
    frames += [scene(i, (200, 40, 40)) for i in range(12)]
    frames += [draw(i) for i in range(3, 20)]
    listener = Listener()
    clip = write_clip(tmp_path / "v.mp4", frames)
    info = prepare_subject(clip, tmp_path / "s", QUICK, listener)

    assert info.flags == dict.fromkeys(range(30, 42), "another scene")
    assert info.cuts == (30, 42)
    assert listener.reported("crop", "2 cuts; left out: 0.5 s of another scene")
    subject = load_subject(tmp_path / "s")
    ids = [f.img_id for f in subject.train + subject.val]
    assert ids == [*range(30), *range(42, 59)]
    background = subject.background.astype(int)
    assert (np.abs(background - (200, 40, 40)).sum(-1) < 60).mean() < 0.01
    assert "another scene" in subject.info.tools["cuts"]


def test_smoothing_stops_at_a_jump_cut(tmp_path, monkeypatch):
    from audioplane.prepare.pose import track

    parted = []
    real = track.smooth_poses

    def smooth(fit, observed, camera, runs):
        parted.append([(r.start, r.stop) for r in runs])
        return real(fit, observed, camera, runs)

    monkeypatch.setattr(track, "smooth_poses", smooth)
    frames = [draw(i) for i in range(20)] + [np.roll(draw(i), 9, axis=1) for i in range(25, 45)]
    listener = Listener()
    clip = write_clip(tmp_path / "v.mp4", frames)
    info = prepare_subject(clip, tmp_path / "s", QUICK, listener)
    assert listener.reported("crop", "1 cut, the same person and scene on both sides")
    assert parted == [[(0, 20), (20, 40)]]
    assert not info.flags
