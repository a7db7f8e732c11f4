from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import ComparisonError
from audioplane.evaluate.syncnet import Shots
from audioplane.experiments.compare.align import (
    Alignment,
    align,
    common_span,
    image_shift,
    shortens_most,
    sound_shift,
)
from audioplane.experiments.compare.scan import Scan
from audioplane.media.video import VideoInfo


def thumbnails(n: int, seed: int = 0) -> np.ndarray:
    """A bright spot that wanders before a fixed background."""
    rng = np.random.default_rng(seed)
    still = rng.integers(0, 120, (32, 32))
    path = 16 + np.cumsum(rng.normal(0, 0.8, (n, 2)), 0) % 12
    y, x = np.indices((32, 32))
    spots = [120 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 20) for a, b in path]
    return np.array([still + s for s in spots]).astype(np.uint8)


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32)


def shown(name: str, n: int = 100, width: int = 100, height: int = 100) -> Scan:
    info = VideoInfo(width, height, 25.0, n / 25, True)
    portrait = np.random.default_rng(5).uniform(0, 255, (64, 64)).astype(np.float32)
    found, shots = np.ones(n, bool), Shots((None,) * n, ())
    landmarks, shapes = np.zeros((n, 68, 2)), np.zeros((n, 52), np.float32)
    images, sound = thumbnails(n), noise(n * 640)
    return Scan(Path(name), info, landmarks, shapes, found, shots, images, portrait, sound)


@pytest.mark.parametrize("shift", [0, 1, -1, 7, -30])
def test_a_shift_of_images_is_found(shift):
    longer = thumbnails(200)
    video = longer[40 - shift : 160 - shift]  # late by `shift`
    rng = np.random.default_rng(3)
    worse = np.clip(video * 0.8 + rng.normal(10, 6, video.shape), 0, 255).astype(np.uint8)
    found, likeness = image_shift(worse, longer[40:160])
    assert found == shift and likeness > 0.7


def test_other_images_are_not_shifted():
    _, likeness = image_shift(thumbnails(200, 1)[:, ::-1], thumbnails(200, 2))
    assert likeness < 0.3
    still = np.full((50, 32, 32), 7, np.uint8)
    assert image_shift(still, still) == (0, 0.0)


@pytest.mark.parametrize("late", [0, 1, 1234, -16000])
def test_a_shift_of_sound_is_found_to_the_sample(late):
    truth = noise(100_000)
    video = np.roll(truth, late) + noise(100_000, 1) * 0.5
    assert sound_shift(video.astype(np.float32), truth) == late / 16000


def test_other_sounds_and_silence_have_no_shift():
    assert sound_shift(noise(60_000, 1), noise(60_000, 2)) is None
    assert sound_shift(np.zeros(60_000, np.float32), noise(60_000)) is None


def test_images_are_aligned_before_sound_before_nothing():
    truth = shown("truth")
    done = align(truth, truth)
    assert (done.scale, done.shift, done.found_by, done.sound_shift) == (1, 0, "images", 0)
    assert done.likeness == pytest.approx(1)
    other = replace(truth, thumbnails=thumbnails(100, 9)[:, ::-1, ::-1])
    assert truth.sound is not None
    late = replace(other, sound=np.pad(truth.sound, (3 * 640, 0)))
    done = align(late, truth)
    assert (done.shift, done.found_by, done.sound_shift) == (3, "sound", 0.12)
    done = align(replace(other, sound=None), truth)
    assert (done.shift, done.found_by, done.sound_shift) == (0, "start", None)


def test_sizes():
    assert align(shown("half", width=50, height=50), shown("truth")).scale == 2
    assert align(shown("odd", width=201, height=200), shown("truth")).scale == 100 / 201
    with pytest.raises(ComparisonError, match="wide is 160×90, the ground truth 100×100"):
        align(shown("wide", width=160, height=90), shown("truth"))


def test_another_face_is_refused():
    truth = shown("truth")
    darker = replace(truth, portrait=truth.portrait * 0.5 + 20)
    assert align(darker, truth).shift == 0
    other = np.random.default_rng(6).uniform(0, 255, (64, 64)).astype(np.float32)
    with pytest.raises(ComparisonError, match="another face"):
        align(replace(truth, path=Path("stranger"), portrait=other), truth)


def test_the_span_that_all_show():
    truth = shown("truth", 100)

    def at(n: int, shift: int) -> tuple[Scan, Alignment]:
        return shown(f"video of {n}", n), Alignment(1.0, shift, "images", 1.0, None)

    assert common_span(truth, [at(100, 0)]) == (0, 100)
    assert common_span(truth, [at(120, 5), at(100, 0)]) == (0, 100)
    assert common_span(truth, [at(96, -4), at(100, 3)]) == (4, 97)
    with pytest.raises(ComparisonError, match="video of 40 leaves 20 frames"):
        common_span(truth, [at(40, 20)])


def test_the_video_that_shortens_most():
    truth = shown("truth", 100)

    def at(n: int, shift: int) -> tuple[Scan, Alignment]:
        return shown(f"video of {n}", n), Alignment(1.0, shift, "images", 1.0, None)

    early, late, whole = at(60, 0), at(50, -50), at(100, 0)
    assert shortens_most(truth, [late, early, late, whole]) == 1
    assert shortens_most(truth, [whole, early, late]) == 2
