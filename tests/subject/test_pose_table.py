import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from audioplane.errors import PoseError
from audioplane.subject import read_pose_table
from audioplane.subject.transforms import viewmat_to_opengl


def view(yaw: float, x: float = 0.0, z: float = 0.7) -> np.ndarray:
    """World→camera of a head that is turned, degrees, and is at x and z, metres."""
    out = np.eye(4)
    out[:3, :3] = Rotation.from_euler("y", yaw, degrees=True).as_matrix()
    out[:3, 3] = x, 0, z
    return out


def write(path, views, **more):
    rows = [{"transform_matrix": viewmat_to_opengl(v).tolist()} for v in views]
    path.write_text(json.dumps({"frames": rows, **more}))
    return path


def test_rows_are_poses_at_25_a_second(tmp_path):
    views = [view(a, x=a / 1000) for a in (0, 4, 8)]
    table = read_pose_table(write(tmp_path / "p.json", views))
    assert np.allclose(table.heads, views) and table.bodies is None and not table.relative


def test_other_rates_and_gaps_are_interpolated(tmp_path):
    views = [view(a, x=a / 1000) for a in (0, 4, 8)]
    slow = read_pose_table(write(tmp_path / "p.json", views, fps=12.5)).heads
    assert np.allclose(slow, [view(a, x=a / 1000) for a in (0, 2, 4, 6, 8)])
    path = write(tmp_path / "q.json", views)
    data = json.loads(path.read_text())
    for row, number in zip(data["frames"], (12, 10, 14), strict=True):
        row["img_id"] = number
    path.write_text(json.dumps(data))
    gaps = read_pose_table(path).heads
    assert np.allclose(gaps, [view(a, x=a / 1000) for a in (4, 2, 0, 4, 8)])


def test_bodies_are_read_with_the_heads(tmp_path):
    path = write(tmp_path / "p.json", [view(0), view(5)], relative=True)
    data = json.loads(path.read_text())
    for row, turn in zip(data["frames"], (0, 1), strict=True):
        row["body_matrix"] = viewmat_to_opengl(view(turn)).tolist()
    path.write_text(json.dumps(data))
    table = read_pose_table(path)
    assert table.bodies is not None and np.allclose(table.bodies, [view(0), view(1)])
    assert table.relative
    del data["frames"][1]["body_matrix"]
    path.write_text(json.dumps(data))
    with pytest.raises(PoseError, match="1 of 2 rows have a body_matrix"):
        read_pose_table(path)


def test_a_clip_is_relative_unless_it_is_the_heads_own(spoken_subject):
    root, identity = spoken_subject.paths.root, spoken_subject.identity
    for path, first in ((root, 0), (root / "transforms_val.json", len(spoken_subject.train))):
        own, foreign = read_pose_table(path, identity), read_pose_table(path, "another")
        assert foreign.relative and not own.relative
        frames = (*spoken_subject.train, *spoken_subject.val)[first:]
        assert np.allclose(own.heads, [f.viewmat for f in frames], atol=1e-9)


BAD = {
    "nothing": ("", "no table of poses"),
    "another format": ("[1, 2]", "no table of poses"),
    "no rows": ('{"frames": []}', "holds no frames"),
    "rows of text": ('{"frames": ["x"]}', "row 0"),
    "no matrix": ('{"frames": [{"img_id": 0}]}', "row 0: no 'transform_matrix'"),
    "a rate": ('{"fps": 0, "frames": [{}]}', "fps of 0"),
}


@pytest.mark.parametrize(("text", "word"), BAD.values(), ids=BAD)
def test_what_is_no_table_is_refused(tmp_path, text, word):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(PoseError, match=word) as caught:
        read_pose_table(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


MATRICES = {
    "NaN": (np.full((4, 4), np.nan), "not finite"),
    "mirrored": (np.diag([-1.0, 1, 1, 1]), "no rotation"),
    "scaled": (np.diag([2.0, 2, 2, 1]), "no rotation"),
    "3 x 4": (np.eye(4)[:3], r"\(3, 4\)"),
    "behind the camera": (viewmat_to_opengl(view(0, z=-0.7)), "in front of the camera"),
}


@pytest.mark.parametrize(("matrix", "word"), MATRICES.values(), ids=MATRICES)
def test_a_matrix_that_is_no_pose_is_named(tmp_path, matrix, word):
    path = write(tmp_path / "p.json", [view(0), view(1)])
    data = json.loads(path.read_text())
    data["frames"][1]["transform_matrix"] = matrix.tolist()
    path.write_text(json.dumps(data))
    with pytest.raises(PoseError, match=word) as caught:
        read_pose_table(path)
    assert "row 1" in str(caught.value)


def test_times_that_are_none_are_refused(tmp_path):
    path = write(tmp_path / "p.json", [view(0), view(1)])
    data = json.loads(path.read_text())
    for numbers, word in (((3, 3), "two rows"), ((0, 1e9), "more than an hour")):
        for row, number in zip(data["frames"], numbers, strict=True):
            row["img_id"] = number
        path.write_text(json.dumps(data))
        with pytest.raises(PoseError, match=word):
            read_pose_table(path)


def test_a_missing_file_and_a_folder_without_a_subject_are_refused(tmp_path):
    with pytest.raises(PoseError, match="is missing"):
        read_pose_table(tmp_path / "none.json")
    with pytest.raises(PoseError, match="no subject with poses"):
        read_pose_table(tmp_path)
