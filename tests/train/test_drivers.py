import numpy as np
import pytest
import torch

from audioplane.head import BY_AUDIO, BY_EXPRESSION, STILL, Gaussians
from audioplane.head.gaussians import SH_BASES
from audioplane.train.drivers import choose_drivers, expression_numbers, hardly_seen
from audioplane.train.views import observe
from tests.train.configs import TINY


@pytest.fixture(scope="module")
def views(spoken_subject):
    return observe(spoken_subject, spoken_subject.train)


def test_mouth_and_eyes_get_their_drivers(spoken_subject, views):
    # Points of the face's surface at the first frame's mouth and eyes, found by their pixels.
    ref = spoken_subject.train[0]
    landmarks, K = spoken_subject.landmarks(ref), spoken_subject.K
    targets = [landmarks[60:68].mean(0), landmarks[36:42].mean(0), landmarks[27]]
    points = []
    for target in targets:
        depth = ref.viewmat[2, 3] - 0.07
        camera = np.array([*((target - K[:2, 2]) / K[0, 0] * depth), depth])
        points.append(ref.viewmat[:3, :3].T @ (camera - ref.viewmat[:3, 3]))
    means = torch.tensor(np.array(points)).float()
    assert choose_drivers(means, views, K, "face").tolist() == [BY_AUDIO, BY_EXPRESSION, STILL]
    assert choose_drivers(means, views, K, "all").tolist() == [BY_AUDIO, BY_EXPRESSION, BY_AUDIO]
    whole = choose_drivers(means, views, K, "face", upper_face=True)
    assert whole.tolist() == [BY_AUDIO, BY_EXPRESSION, BY_EXPRESSION]


def test_what_lies_behind_the_head_is_not_driven(spoken_subject, views):
    ref = spoken_subject.train[0]
    behind = ref.viewmat[:3, :3].T @ np.array([0, 0.04, 0.09])
    means = torch.from_numpy(behind).float()[None]
    assert choose_drivers(means, views, spoken_subject.K, "face").tolist() == [STILL]


def test_what_lies_behind_others_or_is_faint_is_hardly_seen(spoken_subject, views):
    # A sheet before the face, one Gaussian behind it, a faint one and a clear one before it.
    x, y = torch.meshgrid(*[torch.linspace(-0.06, 0.06, 25)] * 2, indexing="ij")
    sheet = torch.stack([x.flatten(), y.flatten(), torch.full((625,), -0.1)], 1)
    others = torch.tensor([[0, 0, 0.0], [0.02, 0, -0.12], [-0.02, 0, -0.12]])
    means = torch.cat([sheet, others])
    logits = torch.full((628,), 6.0)
    logits[626] = -7.0
    n = len(means)
    gaussians = Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.full((n, 3), float(np.log(0.006))),
        logits=logits,
        sh=torch.zeros(n, SH_BASES, 3),
    )
    hidden = hardly_seen(gaussians, views, spoken_subject.K)
    assert hidden[625:].tolist() == [True, True, False]
    assert hidden[:625].float().mean() < 0.1


def test_an_expression_is_two_blinks_or_the_upper_face():
    wanted = TINY.with_changes(model={"expression": "upper-face"}).model
    assert expression_numbers(TINY.model) == 2
    assert expression_numbers(wanted) == 8
