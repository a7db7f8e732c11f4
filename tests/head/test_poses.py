import pytest
import torch

from audioplane.head import Gaussians, View, corrected_view, refine_view, splat_head


@pytest.fixture
def view():
    viewmat = torch.eye(4)
    viewmat[2, 3] = 0.6
    return View(viewmat, torch.tensor([[200.0, 0, 40], [0, 200, 40], [0, 0, 1]]), 80, 80)


def head():
    g = torch.Generator().manual_seed(0)
    return Gaussians(
        means=torch.randn(300, 3, generator=g) * 0.03,
        quats=torch.randn(300, 4, generator=g),
        log_scales=torch.full((300, 3), -5.0),
        logits=torch.full((300,), 1.0),
        sh=torch.randn(300, 1, 3, generator=g),
    )


def test_no_correction_changes_nothing(view):
    assert torch.equal(corrected_view(view.viewmat, torch.zeros(6), 0.15), view.viewmat)


def test_a_correction_turns_about_the_heads_centre(view):
    moved = corrected_view(view.viewmat, torch.tensor([0.2, -0.1, 0.3, 0, 0, 0]), 0.15)
    assert torch.allclose(moved[:, 3], view.viewmat[:, 3])
    R = moved[:3, :3]
    assert torch.allclose(R @ R.T, torch.eye(3), atol=1e-6)
    angle = torch.arccos((R.trace() - 1) / 2)
    assert torch.isclose(angle, 0.3 * torch.tensor([0.2, -0.1, 0.3]).norm(), atol=1e-5)


def test_a_disturbed_pose_is_found_again(view):
    gaussians = head()
    grey = torch.full((3,), 0.5)
    image = splat_head(gaussians, torch.zeros(300), view, grey).image[..., :3].clamp(0, 1)
    target = (image * 255).floor() / 255
    wrong = corrected_view(view.viewmat, torch.tensor([0.03, -0.02, 0.02, 0.01, -0.01, 0]), 0.15)
    disturbed = View(wrong, view.K, 80, 80)
    found = refine_view(gaussians, disturbed, target, grey, steps=60)
    before = (wrong - view.viewmat).norm()
    assert (found.viewmat - view.viewmat).norm() < 0.3 * before
