"""Damaged files: each is read correctly or refused in one line, whatever byte is wrong.

Files of every kind that a user brings are damaged with a fixed seed: flipped bits, cuts, swapped
and overwritten blocks, lengths. A reader may then raise `AudioplaneError`, or give what is finite
and of the size and range that it promises; no other exception, and nothing that takes long.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from audioplane.errors import AudioplaneError
from audioplane.media.audio import read_audio, write_wav
from audioplane.media.image import read_image
from audioplane.media.video import probe_video, read_frames
from audioplane.run import open_run, pack
from audioplane.speech import load_external_features
from audioplane.subject import (
    Subject,
    SubjectInfo,
    Track,
    check_subject,
    load_body,
    load_subject,
    read_split,
    save_body,
)
from audioplane.subject.action_units import read_blinks
from audioplane.subject.expression import COLUMNS, load_expressions, save_expressions
from tests.run.made import make_run
from tests.subject.test_subject import write_folder

DAMAGES = int(os.environ.get("AUDIOPLANE_FUZZ", "25"))
"""Of each kind of file; more on demand."""
SLOWEST = 10.0
"""Seconds for one damaged file of less than a second's content."""


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """One damage of a kind that rng chooses."""
    bytes_, n = bytearray(data), len(data)
    kind = rng.integers(5)
    at = int(rng.integers(n))
    if kind == 0:  # some bits
        for k in rng.integers(n, size=int(rng.integers(1, 9))):
            bytes_[k] ^= 1 << int(rng.integers(8))
    elif kind == 1:  # cut
        del bytes_[at:]
    elif kind == 2:  # two blocks swapped
        size = min(int(rng.integers(1, 65)), n // 2)
        a, b = int(rng.integers(n // 2 - size + 1)), int(rng.integers(n // 2, n - size + 1))
        bytes_[a : a + size], bytes_[b : b + size] = bytes_[b : b + size], bytes_[a : a + size]
    elif kind == 3:  # a length or number
        bytes_[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"])
    else:  # noise
        bytes_[at : at + 16] = rng.bytes(16)
    return bytes(bytes_)


def within(array: np.ndarray, low: float, high: float) -> bool:
    return bool(((array >= low) & (array <= high)).all())  # NaN is not


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole file of each kind."""
    root = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    paths = write_folder(root / "s")
    np.save(root / "a.npy", rng.standard_normal((10, 16, 4)).astype(np.float32))
    save_expressions(root / "expression.npy", rng.random((10, len(COLUMNS))))
    save_body(root / "body.npy", np.tile(np.eye(4), (10, 1, 1)))
    waveform = (0.1 * rng.standard_normal(8000)).astype(np.float32)
    write_wav(root / "a.wav", waveform)
    encode(root / "a.mp4", "aac", waveform, images=10)
    encode(root / "a.mp3", "libmp3lame", waveform)
    rows = "".join(f"{i}, 0.9{i}, 1, 0.{i}0\n" for i in range(1, 10))
    (root / "a.csv").write_text("frame, confidence, success, AU45_r\n" + rows)
    for name, path in (
        ("a.jpg", paths.image(1)),
        ("a.png", paths.torso(1)),
        ("info.json", paths.info),
        ("transforms.json", paths.transforms("train")),
        ("a.safetensors", paths.track),
        ("a.lms", paths.landmarks(1)),
    ):
        shutil.copy(path, root / name)
    return root


def encode(path: Path, codec: str, waveform: np.ndarray, images: int = 0) -> None:
    with av.open(str(path), "w") as out:
        sound = out.add_stream(codec, rate=16000)
        if images:
            video = out.add_stream("libx264", rate=25)
            video.width = video.height = 32
            video.pix_fmt = "yuv420p"
            for i in range(images):
                image = np.full((32, 32, 3), 20 * i, np.uint8)
                out.mux(video.encode(av.VideoFrame.from_ndarray(image)))
            out.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
        frame.sample_rate = 16000
        for packet in [*sound.encode(frame), *sound.encode(None)]:
            out.mux(packet)


def read_sound(path: Path) -> bool:
    waveform = read_audio(path)
    return within(waveform, -1, 1) and len(waveform) < 120 * 16000


def read_video(path: Path) -> bool:
    probe_video(path)
    for n, frame in enumerate(read_frames(path)):
        assert frame.dtype == np.uint8 and n < 3000
    return True


def read_split_file(path: Path) -> bool:
    split = read_split(path)
    return within(np.array([f.viewmat for f in split.frames]), -1000, 1000) and split.focal < 1e6


def read_track(path: Path) -> bool:
    track = Track.load(path)
    return within(track.blink, 0, 1) and within(track.landmarks, -1e5, 1e5)


READERS: dict[str, Callable[[Path], bool]] = {
    "a.mp4": read_video,
    "a.wav": read_sound,
    "a.mp3": read_sound,
    "a.npy": lambda p: within(load_external_features(p), -1e4, 1e4),
    "expression.npy": lambda p: within(load_expressions(p), -2, 2),
    "body.npy": lambda p: within(load_body(p), -100, 100),
    "a.jpg": lambda p: read_image(p).shape[2] == 3,
    "a.png": lambda p: read_image(p, 4).shape[2] == 4,
    "a.csv": lambda p: within(read_blinks(p).closed, 0, 1),
    "info.json": lambda p: SubjectInfo.load(p).fps == 25,
    "transforms.json": read_split_file,
    "a.safetensors": read_track,
}


def damaged(path: Path, folder: Path) -> Iterator[tuple[int, Path]]:
    """Damaged copies, one after the other under the same name, with their number."""
    whole = path.read_bytes()
    for seed in range(DAMAGES):
        copy = folder / path.name
        copy.write_bytes(damage(whole, np.random.default_rng([seed, len(path.name)])))
        yield seed, copy


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", list(READERS))
def test_a_damaged_file_is_read_rightly_or_refused(files: Path, tmp_path: Path, name: str) -> None:
    assert READERS[name](files / name)
    for seed, path in damaged(files / name, tmp_path):
        started = time.monotonic()
        try:
            assert READERS[name](path), f"absurd content, seed {seed}"
        except AudioplaneError as e:
            assert "\n" not in str(e)[:200], seed
        except AssertionError:
            raise
        except Exception as e:
            raise AssertionError(f"{type(e).__name__} of seed {seed}: {e}") from e
        assert time.monotonic() - started < SLOWEST, seed


@pytest.mark.parametrize(
    "name",
    ["transforms_train.json", "subject.json", "track.safetensors", "ori_imgs/1.lms", "bc.jpg"],
)
def test_a_subject_with_a_damaged_file_is_whole_or_refused(
    files: Path, tmp_path: Path, name: str
) -> None:
    root = tmp_path / "s"
    shutil.copytree(files / "s", root)
    for seed, _ in damaged(files / "s" / name, (root / name).parent):
        try:
            subject = load_subject(root)
            check_subject(subject).require_whole()
            for ref in (*subject.train, *subject.val):
                assert within(subject.landmarks(ref), -100, 100) and within(
                    subject.blink(ref), 0, 1
                )
            assert 0 < subject.rows < 1e7
        except AudioplaneError:
            continue
        except AssertionError:
            raise
        except Exception as e:
            raise AssertionError(f"{type(e).__name__} of seed {seed}: {e}") from e


@pytest.fixture(scope="module")
def heads(spoken_subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder and the pack of it."""
    folder = tmp_path_factory.mktemp("heads")
    run = open_run(make_run(folder / "run", spoken_subject), spoken_subject.paths.root)
    pack(run, folder / "me.head")
    return folder


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_head_is_the_same_or_refused(
    heads: Path, tmp_path: Path, packed: bool, spoken_subject: Subject
) -> None:
    whole = heads / ("me.head" if packed else "run/head.safetensors")
    (tmp_path / "run").mkdir()
    for seed, path in damaged(whole, tmp_path if packed else tmp_path / "run"):
        try:
            run = open_run(path if packed else path.parent, spoken_subject.paths.root)
            tensors = run.head.state_dict().values()
            assert all(torch.isfinite(t).all() for t in tensors), seed
            assert run.speech == "mel" and run.identity == spoken_subject.identity, seed
            assert list(run.views) == [r.img_id for r in spoken_subject.train[:20]], seed
        except AudioplaneError:
            continue
        except AssertionError:
            raise
        except Exception as e:
            raise AssertionError(f"{type(e).__name__} of seed {seed}: {e}") from e
