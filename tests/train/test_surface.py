"""The surface of a face that the tracker knows, and what pulls Gaussians to it."""

import numpy as np
import pytest
import torch

from audioplane.train.surface import FaceSurface, face_surface, triangulate

K = np.array([[500.0, 0, 128], [0, 500.0, 128], [0, 0, 1]])


def plane(n: int = 300) -> np.ndarray:
    points = np.random.default_rng(0).uniform(-0.1, 0.1, (n, 3))
    points[:, 2] = 0.3 * points[:, 0] - 0.2 * points[:, 1]
    return points


def test_points_are_found_again_from_what_cameras_see_of_them():
    points, views, seen = plane(40), [], []
    for yaw in np.radians([-15, -5, 0, 10, 20]):
        view = np.eye(4)
        view[:3, :3] = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        view[:3, 3] = 0.01, -0.02, 0.8
        camera = points @ view[:3, :3].T + view[:3, 3]
        seen.append(camera[:, :2] / camera[:, 2:] * 500 + 128)
        views.append(view)
    found = triangulate(np.stack(seen), np.stack(views), K)
    np.testing.assert_allclose(found, points, atol=1e-9)


def test_between_the_landmarks_the_surface_is_interpolated():
    surface = FaceSurface.of(plane())
    x, y = np.meshgrid(np.linspace(-0.08, 0.08, 9), np.linspace(-0.08, 0.08, 9))
    means = torch.tensor(np.stack([x, y, 0 * x], -1).reshape(-1, 3)).float()
    expected = 0.3 * means[:, 0] - 0.2 * means[:, 1]
    torch.testing.assert_close(surface.at(means), expected, atol=1e-4, rtol=0)
    assert surface.at(torch.tensor([[0.5, 0.0, 0.0]])).isnan().all()


def test_the_pull_goes_along_z_and_ends_far_away_and_beside_the_face():
    surface = FaceSurface.of(plane())
    means = torch.tensor([[0.0, 0.0, 0.005], [0.0, 0.0, -0.005], [0.0, 0.0, 0.4], [0.9, 0.0, 0.0]])
    means.requires_grad_()
    surface.pull(means, head_width=0.2).backward()
    near, far, beside = means.grad[:2], means.grad[2], means.grad[3]
    assert (near[:, :2] == 0).all() and near[0, 2] > 0 > near[1, 2]
    assert far.abs().max() < 0.01 * near.abs().max() and (beside == 0).all()


def test_samples_lie_on_it():
    surface = FaceSurface.of(plane())
    points = surface.sample(200, np.random.default_rng(1))
    assert np.abs(points[:, 2] - 0.3 * points[:, 0] + 0.2 * points[:, 1]).max() < 0.005


@pytest.mark.parametrize("tracked", [True, False])
def test_a_subjects_nose_stands_before_its_jaw(spoken_subject, tracked, monkeypatch):
    if not tracked:
        monkeypatch.setattr(type(spoken_subject.paths), "track", property(lambda p: p.root / "no"))
    surface = face_surface(spoken_subject, spoken_subject.train)
    depths = surface.depths[~surface.depths.isnan()]
    towards_camera = -np.sign(np.mean([r.viewmat[2, 2] for r in spoken_subject.train]))
    reach = float(depths.max() - depths.min())
    middle = surface.at(torch.zeros(1, 3)).item()
    assert 0.03 < reach < 0.2
    assert towards_camera * (middle - float(depths.median())) > 0
