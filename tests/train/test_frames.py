import shutil

import cv2
import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.media.image import write_image
from audioplane.subject import FrameRef, load_subject
from audioplane.subject.labels import head_mask, person_mask, torso_mask
from audioplane.train import frames
from audioplane.train.frames import FrameStore


@pytest.fixture
def store(spoken_subject):
    store = FrameStore(spoken_subject)
    yield store
    store.close()


def test_frames_come_at_the_size_asked_for(store, spoken_subject):
    ref = spoken_subject.train[0]
    full, half = store.get(ref, 64), store.get(ref, 32)
    assert full.size == (64, 64) and half.size == (32, 32)
    assert abs(half.mask.sum() / 32**2 - full.mask.sum() / 64**2) < 0.03
    assert half.mouth.any() and half.mouth.sum() < half.mask.sum()


def test_the_box_holds_the_head(store, spoken_subject):
    ref = spoken_subject.train[3]
    frame, mask = store.get(ref, 64), head_mask(spoken_subject.labels(ref))
    np.testing.assert_array_equal(frame.mask, mask[frame.cut])
    assert frame.mask.sum() == mask.sum() and frame.mask.size < mask.size


def test_alpha_of_the_head_ends_at_the_torso(spoken_subject, tmp_path):
    """Colours are the image's where alpha is whole, and without the background where it is not."""
    subject, ref = spoken_subject, spoken_subject.train[0]
    labels, image = subject.labels(ref), subject.image(ref).astype(int)
    soft = cv2.GaussianBlur(255 * person_mask(labels).astype(np.uint8), (0, 0), 2)
    root = tmp_path / "soft"
    shutil.copytree(subject.paths.root, root)
    write_image(root / "alpha" / f"{ref.img_id}.png", soft[..., None])
    for person in (False, True):
        store = FrameStore(load_subject(root), person=person)
        frame = store.get(ref, 64)
        store.close()
        body = torso_mask(labels)[frame.cut]
        assert person == bool(frame.alpha[body].any())
        rest = ~body if not person else np.ones_like(body)
        behind = (1 - frame.alpha[..., None] / 255) * subject.background[frame.cut]
        composite = np.abs(frame.colours + behind - image[frame.cut])[rest & (frame.alpha > 0)]
        assert composite.mean() < 4 and 0 < (frame.alpha % 255 > 0).sum()
    hard = FrameStore(subject).get(ref, 64)
    assert (hard.alpha == 255 * hard.mask).all()
    np.testing.assert_array_equal(hard.colours, image[hard.cut] * hard.mask[..., None])


def test_an_expected_frame_is_the_same_frame(store, spoken_subject):
    ref = spoken_subject.train[5]
    store.expect(ref, 64)
    ahead = store.get(ref, 64)
    other = FrameStore(spoken_subject)
    assert np.array_equal(ahead.colours, other.get(ref, 64).colours)
    other.close()


def test_a_kept_frame_is_the_same_frame(store, spoken_subject, monkeypatch):
    ref = spoken_subject.train[5]
    made = [store.get(ref, width) for width in (64, 32)]
    monkeypatch.setattr(frames, "_load", None)
    for first in made:
        again = store.get(ref, first.size[1])
        for name, value in vars(first).items():
            np.testing.assert_array_equal(getattr(again, name), value)


def test_memory_is_bounded_and_what_came_first_is_kept(spoken_subject):
    refs = spoken_subject.train
    store = FrameStore(spoken_subject, cache_bytes=20_000)
    for ref in refs:
        store.get(ref, 64)
    kept = [i for i, _ in store._kept]
    assert 1 < len(kept) < len(refs) and kept == [ref.img_id for ref in refs[: len(kept)]]
    assert store._held == sum(x.n_bytes for x in store._kept.values()) <= 20_000
    for ref in refs[-2:]:  # a size at a time: the one before makes room
        store.get(ref, 32)
    assert [k for k in store._kept if k[1] == 32] == [(ref.img_id, 32) for ref in refs[-2:]]
    assert store._held == sum(x.n_bytes for x in store._kept.values()) <= 20_000
    store.close()


def test_a_missing_image_is_named(store):
    with pytest.raises(MediaError, match="99999"):
        store.get(FrameRef(99999, 0, np.eye(4)), 64)
