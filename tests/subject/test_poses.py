import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.errors import SubjectError
from audioplane.speech import load_external_features
from audioplane.subject import SubjectPaths, read_split
from audioplane.subject.poses import (
    euler_to_viewmat,
    frames_with_landmarks,
    read_poses,
    read_track_params,
)

needs_assets = pytest.mark.skipif(
    "AUDIOPLANE_ASSETS" not in os.environ, reason="AUDIOPLANE_ASSETS is not set"
)


FAR = torch.tensor([[0.0, 0.0, 8.0]] * 2)
"""Translations of a head behind the camera; in front of it with the other sign."""


def prior_files() -> Path:
    return Path(os.environ["AUDIOPLANE_ASSETS"]) / "data" / "peers"


def angle(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees between two rotations."""
    cosine = (np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


angles = st.floats(-0.8, 0.8)


@settings(deadline=None, max_examples=30)
@given(angles, angles, angles)
def test_angles_become_a_rotation_of_a_head_before_the_camera(x, y, z):
    viewmat = euler_to_viewmat(np.array([x, y, z]), np.array([0.1, 0.2, -8.0]))
    np.testing.assert_allclose(viewmat[:3, :3] @ viewmat[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(viewmat[:3, :3]) == pytest.approx(1)
    np.testing.assert_allclose(viewmat[:3, 3], [0.01, -0.02, 0.8], atol=1e-12)


def test_angles_turn_the_head_as_the_trackers_do():
    nose = np.array([0, 0, 0.1])  # in prior work's world, which looks along +z with y up

    def seen(euler: list[float]) -> np.ndarray:
        return euler_to_viewmat(np.array(euler, float), np.zeros(3))[:3, :3] @ nose

    assert seen([0, 0, 0])[2] == pytest.approx(-0.1)  # towards the camera
    assert seen([0.3, 0, 0])[1] > 0  # θ > 0 nods down, in OpenCV's axes
    assert seen([0, 0.3, 0])[0] > 0  # φ > 0 turns to the right of the image
    right = euler_to_viewmat(np.array([0, 0, 0.3]), np.zeros(3))[:3, :3] @ [1, 0, 0]
    assert right[1] > 0  # ψ > 0 rolls clockwise


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"euler": torch.zeros(3, 3), "trans": torch.zeros(3, 3)}, "KeyError"),
        ({"euler": torch.zeros(2, 3), "trans": torch.zeros(3, 3), "focal": 9.0}, "expected .n, 3"),
        (
            {"euler": torch.full((2, 3), torch.nan), "trans": -FAR, "focal": 9.0},
            "frame 0: .*finite",
        ),
        ({"euler": torch.zeros(2, 3), "trans": FAR, "focal": 9.0}, "frame 0: the head"),
        ({"euler": torch.zeros(2, 3), "trans": -FAR, "focal": torch.inf}, "focal length of inf"),
        ({"euler": torch.zeros(3, 3), "trans": torch.zeros(3, 3), "focal": 9.0}, "2 frames have"),
        ({"euler": Path("code")}, "UnpicklingError"),
    ],
)
def test_other_files_of_poses_are_refused(tmp_path, content, says):
    torch.save(content, tmp_path / "track_params.pt")
    with pytest.raises(SubjectError, match=says):
        read_track_params(tmp_path / "track_params.pt", [0, 1], (64, 64))


def test_a_folder_without_poses_is_recognised(tmp_path):
    with pytest.raises(SubjectError, match="transforms_train.json is missing"):
        read_poses(SubjectPaths(tmp_path), (64, 64))


def test_landmarks_of_other_names_are_of_no_frame(tmp_path):
    paths = SubjectPaths(tmp_path)
    paths.make_folders()
    for name in ("0", "10", "2", "02", "007", "x"):
        (tmp_path / "ori_imgs" / f"{name}.lms").touch()
    assert frames_with_landmarks(paths) == [0, 2, 10]


@needs_assets
def test_a_published_tracker_agrees_with_published_transforms():
    """Two runs of AD-NeRF's tracker on its Obama, one kept as angles, the other as matrices."""
    folder = prior_files() / "adnerf_obama"
    tracked = read_track_params(folder / "track_params.pt", list(range(8000)), (450, 450))
    written = read_split(folder / "transforms_val.json")
    assert (tracked.focal, tracked.cx, tracked.cy) == (1200.0, 225.0, 225.0)
    by_id = {frame.img_id: frame.viewmat for frame in tracked.frames}
    turned = [angle(by_id[f.img_id], f.viewmat) for f in written.frames]
    assert np.mean(turned) < 0.2 and max(turned) < 0.7
    # The focal lengths differ, 1200 and 1100, and so do the distances; directions do not.
    for frame in written.frames[::50]:
        ours, theirs = by_id[frame.img_id][:3, 3], frame.viewmat[:3, 3]
        np.testing.assert_allclose(1200 * ours[:2] / ours[2], 1100 * theirs[:2] / theirs[2], atol=4)


@needs_assets
def test_a_published_file_of_all_poses_loads():
    split = read_split(prior_files() / "ernerf_ct_man" / "data_kf.json")
    assert len(split.frames) == 1533 and split.focal == 1200.0
    for frame in split.frames[::100]:
        assert abs(angle(frame.viewmat, np.diag([1, -1, -1, 1]))) < 40


@needs_assets
def test_published_poses_lie_on_published_landmarks():
    """The world's origin, the head's centre, projects into the face that FAN found."""
    split = read_split(prior_files() / "may_excerpt" / "transforms_train_excerpt.json")
    landmarks = np.loadtxt(prior_files() / "may_excerpt" / "0.lms")
    assert landmarks.shape == (68, 2)
    x, y, z = split.frames[0].viewmat[:3, 3]
    centre = np.array([split.focal * x / z + split.cx, split.focal * y / z + split.cy])
    assert (landmarks.min(0) < centre).all() and (centre < landmarks.max(0)).all()


@needs_assets
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("adnerf_obama/Obama_luther.npy", (262, 16, 29)),
        ("radnerf_ian/ian_16sec_eo.npy", (392, 16, 44)),
    ],
)
def test_published_features_load(name, shape):
    features = load_external_features(prior_files() / name)
    assert features.shape == shape
    # The windows are 2t − 8 … 2t + 7: neighbours share fourteen steps, the first starts with zeros.
    np.testing.assert_array_equal(features[5, 2:], features[6, :-2])
    assert not features[0, :8].any() and features[0, 8].any()
