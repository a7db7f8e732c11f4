import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audioplane.subject import Label, head_mask, paint_labels, read_labels, torso_mask
from audioplane.subject.labels import COLOURS, head_on_torso


@given(arrays(np.uint8, (5, 7), elements=st.integers(0, len(Label) - 1)))
def test_painted_labels_are_read_back(labels):
    assert np.array_equal(read_labels(paint_labels(labels)), labels)


@given(
    arrays(np.uint8, (4, 4), elements=st.integers(0, len(Label) - 1)),
    arrays(np.int16, (4, 4, 3), elements=st.integers(-30, 30)),
)
def test_lossy_colours_go_to_the_nearest_label(labels, noise):
    noisy = np.clip(paint_labels(labels) + noise, 0, 255).astype(np.uint8)
    assert np.array_equal(read_labels(noisy), labels)


def test_the_colours_of_prior_work():
    assert COLOURS[Label.HEAD].tolist() == [0, 0, 255]
    assert COLOURS[Label.NECK].tolist() == [0, 255, 0]
    assert COLOURS[Label.TORSO].tolist() == [255, 0, 0]
    assert COLOURS[Label.BACKGROUND].tolist() == [255, 255, 255]


def test_masks_share_no_pixel_and_leave_the_background():
    labels = np.arange(len(Label), dtype=np.uint8)[None]
    head, torso = head_mask(labels), torso_mask(labels)
    assert not (head & torso).any()
    assert np.flatnonzero(~(head | torso)[0]).tolist() == [Label.BACKGROUND]


def test_hair_on_the_shoulders_touches_the_torso():
    labels = np.zeros((20, 20), np.uint8)
    assert head_on_torso(labels) == 0
    labels[2:10, 5:15] = Label.HEAD
    labels[10:12, 8:12] = Label.NECK
    labels[12:, 2:18] = Label.TORSO
    assert head_on_torso(labels) == 0
    labels[10:12, 5:8] = labels[10:12, 12:15] = Label.TORSO
    assert head_on_torso(labels) == 0.6
