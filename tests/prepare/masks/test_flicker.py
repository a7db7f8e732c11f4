import numpy as np
import pytest

from audioplane.prepare.masks.flicker import Outline, flickering, head_outline
from audioplane.prepare.masks.frames import MaskedFrame
from audioplane.prepare.masks.head_frame import HeadFrame
from audioplane.prepare.masks.person import PersonMask
from audioplane.subject import Label

SIZE = 256


def outline(i: int, shift: float = 0.0, bump: int = 0, shot: int = 0) -> Outline:
    """A round head, its lower part before the body, `bump` px farther out on a quarter of it."""
    y, x = np.indices((SIZE, SIZE))
    radius = np.where((x > 128 + shift) & (y < 120), 80 + bump, 80)
    labels = np.where(np.hypot(x - 128 - shift, y - 120) < radius, Label.HEAD, Label.BACKGROUND)
    labels[(labels == Label.BACKGROUND) & (y >= 120)] = Label.TORSO
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    mask = PersonMask(np.zeros((SIZE, SIZE), np.float32))
    axes = np.eye(2)
    head = HeadFrame(np.array([128.0 + shift, 120.0]), axes[0], axes[1], 500.0)
    frame = MaskedFrame(i, shot, image, np.zeros((478, 2)), np.zeros((68, 2)), head, mask)
    return head_outline(frame, labels.astype(np.uint8))


def test_a_head_that_moves_does_not_flicker():
    assert flickering(outline(0), outline(1, shift=20)) == pytest.approx(0, abs=0.02)


def test_jumps_are_counted():
    # Half of what lies before the background jumps by 6 px.
    assert flickering(outline(0), outline(1, bump=6)) == pytest.approx(0.5, abs=0.06)


def test_the_border_to_the_body_is_no_part_of_it():
    assert not outline(0).edge[125:].any()


def test_only_successive_frames_of_one_shot_are_compared():
    assert flickering(outline(0), outline(2)) is None
    assert flickering(outline(0), outline(1, shot=1)) is None
