from itertools import islice

import cv2
import numpy as np
import pytest

from audioplane.mark import SHORTEST, THRESHOLD, Marker, MarkPayload, read_mark
from audioplane.mark.detect import MAX_WINDOWS, WORTH_READING
from audioplane.mark.grid import n_places
from audioplane.mark.pattern import sync_cells
from audioplane.media.video import read_frames
from audioplane.media.writer import VideoWriter
from tests.mark.clips import disc_frames

KEY, OTHER = b"k" * 32, b"o" * 32
PAYLOAD = MarkPayload(0xDEADBEEF, 0x00C0FFEE)


def marked(frames: list[np.ndarray]) -> list[np.ndarray]:
    height, width = frames[0].shape[:2]
    marker = Marker(width, height, PAYLOAD, KEY)
    return [marker.mark(frame, i) for i, frame in enumerate(frames)]


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    return disc_frames(4, 512, 512)


@pytest.fixture(scope="module")
def third_party(clip, tmp_path_factory) -> list[np.ndarray]:
    """The clip marked, cut, at half size, brighter, half of its frames lost, H.264 at CRF 28."""
    rng = np.random.default_rng(2)
    frames = marked(clip)
    shown, path = 0, tmp_path_factory.mktemp("mark") / "clip.mp4"
    with VideoWriter(path, 230, 230, crf=28) as video:
        for i in range(len(frames)):
            shown = i if rng.random() < 0.5 else shown
            small = cv2.resize(frames[shown][31:491, 7:467], (230, 230), None, 0, 0, cv2.INTER_AREA)
            bright = np.clip(290 * (small / 255.0) ** 0.8, 0, 255)
            video.write(bright.astype(np.uint8))
    return list(read_frames(path))


def test_a_treated_clip_is_read(third_party):
    reading = read_mark(third_party, KEY)
    assert reading is not None and reading.found and reading.payload == PAYLOAD
    assert reading.score > THRESHOLD and reading.scale == pytest.approx(512 / 460, rel=0.01)


def test_without_the_key_the_mark_is_found_but_not_read(third_party):
    for key in (None, OTHER):
        reading = read_mark(third_party, key)
        assert reading is not None and reading.found and reading.payload is None


def test_an_unmarked_clip_is_not_taken_for_marked(clip):
    reading = read_mark(clip, KEY)
    assert reading is not None and not reading.found and reading.score < THRESHOLD - 2


@pytest.mark.parametrize("size", [(256, 384), (300, 200)])
def test_images_need_not_be_square(size):
    reading = read_mark(marked(disc_frames(2, *size)), KEY)
    assert reading is not None and reading.payload == PAYLOAD


def test_a_mark_that_begins_late_is_found():
    frames = disc_frames(8, 128, 128) + marked(disc_frames(4, 128, 128))
    reading = read_mark(iter(frames), KEY)
    assert reading is not None and reading.payload == PAYLOAD and reading.second == 8


def test_every_other_frame_at_the_old_rate(clip):
    reading = read_mark(islice(marked(clip), None, None, 2), KEY)
    assert reading is not None and reading.payload == PAYLOAD


def test_too_short_a_clip_says_nothing():
    assert read_mark(disc_frames(2, 64, 64)[: SHORTEST - 1], KEY) is None


@pytest.mark.parametrize("size", [(16, 256), (256, 16), (8, 64)])
def test_too_narrow_a_clip_says_nothing(size):
    assert read_mark([np.zeros((*size, 3), np.uint8)] * SHORTEST, KEY) is None


@pytest.mark.parametrize("longer", [1, 2, 4, 8])
def test_frames_of_any_length_pass_once_in_a_million(longer):
    reading = read_mark([np.zeros((32, 32 * longer, 3), np.uint8)] * SHORTEST)
    assert reading is not None
    tries = n_places(float(longer)) * 2 * MAX_WINDOWS
    sync, payload = (16 * tries * np.exp(-0.481 * t**2) for t in (reading.threshold, WORTH_READING))
    assert sync + 48 * 2**-24 * payload < 1e-6
    assert (reading.threshold == THRESHOLD) == (longer <= 2)


def test_the_bound_on_false_alarms_holds_for_hosts_of_any_kind():
    """Random syncs on fixed cells: few large ones, heavy tails, equal ones."""
    rng = np.random.default_rng(0)
    n = int((sync_cells() != 0).sum())
    few = np.zeros(n, complex)
    few[:3] = 1
    hosts = [few, rng.standard_cauchy(n) + 0j, np.ones(n) * (1 + 1j)]
    turns = np.array([1, 1j, -1, -1j])
    for host in hosts:
        for _ in range(4):
            syncs = turns[rng.integers(0, 4, (2500, n))]
            scores = np.sqrt(2) * np.abs(syncs @ host) / np.linalg.norm(host)
            for t in (3.0, 3.5):
                assert (scores >= t).mean() <= 16 * np.exp(-0.481 * t * t)
