import cv2
import numpy as np
import torch

from audioplane.drive.moment import Moment, between, torso_between
from audioplane.run.torso_shift import BODY_POINTS, projected
from tests.run.walked import Swaying


def test_between_two_transforms_lie_rigid_ones():
    turn = torch.tensor([[0.0, -1, 0, 2], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    middle = between(torch.eye(4), turn, 0.5)
    half = np.sqrt(0.5)
    expected = [[half, -half, 0, 1], [half, half, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    torch.testing.assert_close(middle, torch.tensor(expected, dtype=torch.float32))
    torch.testing.assert_close(between(torch.eye(4), turn, 1.0), turn)


class Standing(Swaying):
    """Somebody with shoulders that sway as the head does."""

    K = np.array([[600.0, 0, 256], [0, 600, 256], [0, 0, 1]])

    def torso(self, ref):
        left, right = projected(BODY_POINTS[:2], ref.viewmat[None], self.K)[0]
        image = np.zeros((512, 512, 4), np.uint8)
        corners = np.round([left - (0, 300), right]).astype(int)
        cv2.rectangle(image, corners[0].tolist(), corners[1].tolist(), (200, 100, 50, 255), -1)
        return image


def test_torsos_meet_between_their_places():
    """A shoulder that both sides show is at one place, not twice."""
    footage = Standing((60,))
    one, other = footage.refs[0], footage.refs[24]
    bodies = tuple(torch.from_numpy(ref.viewmat).float() for ref in (one, other))
    moment = Moment(one, other, 0.5, 0.5)
    mixed, still = torso_between(footage, moment, bodies), torso_between(footage, moment, None)
    assert mixed is not None and still is not None

    def faint(torso: np.ndarray) -> int:
        return int(((torso[..., 3] > 10) & (torso[..., 3] < 245)).sum())

    assert faint(still) > 5000 and faint(mixed) < 0.3 * faint(still)
    columns = [np.flatnonzero(x[400, :, 3] > 127).mean() for x in (footage.torso(one), mixed)]
    assert abs(columns[1] - columns[0] - 600 * 0.015 / 0.8) < 1.5
    assert mixed[mixed[..., 3] > 250][:, :3].mean(0).round().tolist() == [200, 100, 50]


def test_one_frame_lends_its_torso_unchanged():
    footage = Standing((60,))
    ref = footage.refs[7]
    assert np.array_equal(torso_between(footage, Moment(ref), None), footage.torso(ref))
    assert torso_between(Swaying((60,)), Moment(ref, ref, 0.5), None) is None
