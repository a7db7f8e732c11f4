import numpy as np
from scipy.spatial.transform import Rotation

from audioplane.drive.pose_range import HEAD_MARGIN, PoseRange, body_after_head


def views(numbers: np.ndarray, rotation: Rotation, translation) -> np.ndarray:
    """Views by pitch, yaw, roll in degrees and steps in centimetres about one."""
    out = np.tile(np.eye(4), (len(numbers), 1, 1))
    out[:, :3, :3] = (Rotation.from_rotvec(numbers[:, :3], True) * rotation).as_matrix()
    out[:, :3, 3] = numbers[:, 3:] / 100 + translation
    return out


def recorded(n: int = 400) -> np.ndarray:
    """Six numbers about their mean, within ±5 degrees and centimetres."""
    numbers = 5 * np.sin(np.arange(n)[:, None] * np.arange(1, 7) * 2 * np.pi / n)
    return numbers


HERE = Rotation.from_euler("xyz", (3, -8, 2), degrees=True)


def test_numbers_and_views_are_inverse():
    given = views(recorded(), HERE, (0.01, 0.02, 0.7))
    span = PoseRange.of(given)
    assert np.allclose(span.views(span.numbers(given)), given)
    assert np.allclose(span.high, 5, atol=0.2) and np.allclose(span.low, -5, atol=0.2)


def test_poses_of_others_do_not_depend_on_their_axes_place_and_focal_length():
    span = PoseRange.of(views(recorded(), HERE, (0.01, 0.02, 0.7)))
    asked = recorded() * 0.5
    axes, focal = Rotation.from_euler("xyz", (20, 190, -30), degrees=True), 1.7
    stretched = asked * (1, 1, 1, 1, 1, focal)
    foreign = views(stretched, axes, (-0.05, 0.03, 0.7 * focal))
    assert np.allclose(span.moved_here(foreign), asked, atol=0.01)


def test_far_poses_are_eased_into_the_margin_and_near_ones_stay():
    span = PoseRange.of(views(recorded(), HERE, (0, 0, 0.7)))
    asked = np.linspace(-1, 1, 401)[:, None] * (60, 60, 60, 30, 30, 30)
    eased, far = span.eased(asked, HEAD_MARGIN)
    assert (eased <= span.high + HEAD_MARGIN).all() and (eased >= span.low - HEAD_MARGIN).all()
    assert (np.diff(eased, axis=0) >= 0).all()
    near = (np.abs(asked) <= 5).all(1)
    assert np.array_equal(eased[near], asked[near]) and not far[near].any()
    assert far[0] and far[-1]


def test_the_body_follows_the_head_as_it_did():
    heads = recorded()
    share = np.diag([0.1, 0.1, 0.3, 0.9, 0.6, 0.9])
    asked = heads[::7] * 1.2
    assert np.allclose(body_after_head(heads, heads @ share, asked), asked @ share, atol=0.02)
    still = body_after_head(heads, np.zeros_like(heads), asked)
    assert np.allclose(still, 0)
