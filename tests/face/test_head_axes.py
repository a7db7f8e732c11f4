import numpy as np
import pytest

from audioplane.face.head_axes import head_turn
from tests.face.figure import template


@pytest.mark.parametrize("degrees", [-25.0, 10.0])
@pytest.mark.parametrize(("axis", "name"), [((0, 1), "roll"), ((2, 0), "yaw"), ((2, 1), "pitch")])
def test_turns_follow_from_the_landmarks(axis, name, degrees):
    """Yaw takes the nose, which lies before the face, to the right, pitch takes it down."""
    a, b = axis
    angle = np.radians(degrees)
    face = template()
    turned = face.copy()
    sign = 1 if name == "roll" else -1  # the nose's depth is negative
    turned[:, a] = np.cos(angle) * face[:, a] - sign * np.sin(angle) * face[:, b]
    turned[:, b] = np.cos(angle) * face[:, b] + sign * np.sin(angle) * face[:, a]
    before, after = head_turn(face), head_turn(turned)
    for other in ("yaw", "pitch", "roll"):
        expected = degrees if other == name else 0.0
        assert getattr(after, other) - getattr(before, other) == pytest.approx(expected, abs=1.0)
