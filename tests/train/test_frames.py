import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.subject import FrameRef
from audioplane.train.frames import FrameStore


@pytest.fixture
def store(spoken_subject):
    store = FrameStore(spoken_subject)
    yield store
    store.close()


def test_frames_come_at_the_size_asked_for(store, spoken_subject):
    ref = spoken_subject.train[0]
    full, half = store.get(ref, 64), store.get(ref, 32)
    assert full.image.shape == (64, 64, 3) and half.image.shape == (32, 32, 3)
    assert abs(half.mask.mean() - full.mask.mean()) < 0.03
    assert half.mouth.any() and half.mouth.sum() < half.mask.sum()


def test_the_box_holds_the_head(store, spoken_subject):
    frame = store.get(spoken_subject.train[3], 64)
    left, top, right, bottom = frame.box
    outside = frame.mask.copy()
    outside[top:bottom, left:right] = False
    assert not outside.any()


def test_an_expected_frame_is_the_same_frame(store, spoken_subject):
    ref = spoken_subject.train[5]
    store.expect(ref, 64)
    ahead = store.get(ref, 64)
    other = FrameStore(spoken_subject)
    assert np.array_equal(ahead.image, other.get(ref, 64).image)
    other.close()


def test_memory_is_bounded(spoken_subject):
    store = FrameStore(spoken_subject, cache_bytes=3 * 64 * 64 * 5)
    for ref in spoken_subject.train:
        store.get(ref, 64)
    assert len(store._cache) == 3
    assert store._held == sum(f.n_bytes for f in store._cache.values())
    store.close()


def test_a_missing_image_is_named(store):
    with pytest.raises(MediaError, match="99999"):
        store.get(FrameRef(99999, 0, np.eye(4)), 64)
