import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import MediaError, SubjectError
from audioplane.media.image import write_image
from audioplane.subject import (
    FrameRef,
    Label,
    Split,
    SubjectInfo,
    SubjectPaths,
    Track,
    load_subject,
    paint_labels,
    read_split,
    save_body,
    write_split,
)

SIZE = 16


def viewmat(i):
    angle = 0.1 * i
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = [0.01 * i, 0, 0.8]
    return matrix


def write_folder(root: Path, ids=(0, 1, 4, 7), val=(9,), size=SIZE) -> SubjectPaths:
    """A subject whose img_ids have gaps."""
    paths = SubjectPaths(root)
    paths.make_folders()
    write_image(paths.background, np.full((size, size, 3), 200, np.uint8))
    for i in (*ids, *val):
        write_image(paths.image(i), np.full((size, size, 3), 10 * i, np.uint8), quality=100)
        torso = np.zeros((size, size, 4), np.uint8)
        torso[8:] = (50, 60, 70, 255)
        torso[7] = (50, 60, 70, 128)
        write_image(paths.torso(i), torso)
        labels = np.full((size, size), Label.BACKGROUND, np.uint8)
        labels[2:8, 4:12] = Label.HEAD
        labels[5:7, 6:9] = Label.MOUTH
        labels[8:] = Label.TORSO
        write_image(paths.parsing(i), paint_labels(labels))
        np.savetxt(paths.landmarks(i), np.full((68, 2), float(i)))
    for name, members in (("train", ids), ("val", val)):
        frames = tuple(FrameRef(i, i, viewmat(i)) for i in members)
        write_split(paths.transforms(name), Split(100.0, 8.0, 8.0, frames))
    SubjectInfo(size, 10, flags={2: "no face", 3: "no face"}, consent="me", cuts=(4,)).save(
        paths.info
    )
    n = max(val) + 1
    track = Track(
        np.ones((n, 68, 2)), np.full((n, 2), 0.25), np.ones(n, bool), np.eye(4)[None].repeat(n, 0)
    )
    track.save(paths.track)
    return paths


@pytest.fixture
def paths(tmp_path):
    return write_folder(tmp_path / "s")


def test_round_trip_with_gaps_in_the_ids(paths):
    subject = load_subject(paths.root)
    assert [r.img_id for r in subject.train] == [0, 1, 4, 7]
    assert [r.img_id for r in subject.val] == [9]
    for ref in (*subject.train, *subject.val):
        assert np.allclose(ref.viewmat, viewmat(ref.img_id))
        frame = subject.frame(ref)
        assert abs(int(frame.image.mean()) - 10 * ref.img_id) <= 1
        assert (frame.landmarks == ref.img_id).all()
    assert subject.info.flags == {2: "no face", 3: "no face"} and subject.info.consent == "me"
    assert subject.info.cuts == (4,)
    assert np.allclose(subject.K, [[100, 0, 8], [0, 100, 8], [0, 0, 1]])
    assert np.allclose(subject.blink(subject.train[2]), 0.25)


def test_the_head_holds_its_mouth_and_the_plate_its_torso(paths):
    subject = load_subject(paths.root)
    frame = subject.frame(subject.train[0])
    assert frame.head.sum() == 6 * 8
    plate = subject.plate(subject.train[0])
    assert np.allclose(plate[9:], (50, 60, 70), atol=1)
    assert np.allclose(plate[:6], 200, atol=1)
    assert np.allclose(plate[7, :, 0], 125, atol=2)


def test_poses_on_disk_are_camera_to_world_in_opengl_axes(paths):
    data = json.loads(paths.transforms("train").read_text())
    matrix = np.array(data["frames"][0]["transform_matrix"])
    # The camera of frame 0 stands 0.8 m before the origin and looks along +z: OpenGL's −z axis.
    assert np.allclose(matrix[:3, 3], [0, 0, -0.8])
    assert np.allclose(matrix[:3, :3], np.diag([1, -1, -1]))


def test_a_folder_of_prior_work_without_subject_json(paths):
    paths.info.unlink()
    paths.track.unlink()
    subject = load_subject(paths.root)
    assert subject.info.size == SIZE and subject.track is None
    assert (subject.blink(subject.train[0]) == 0).all()


def test_frames_whose_files_are_missing_are_left_out(paths):
    paths.image(4).unlink()
    paths.parsing(7).unlink()
    assert [r.img_id for r in load_subject(paths.root).train] == [0, 1]


def test_features_in_their_kind(paths):
    np.save(paths.features("ds"), np.zeros((9, 16, 29)))  # one row short, as prior work's
    subject = load_subject(paths.root)
    assert (
        subject.features("ds").shape == (9, 16, 29) and subject.features("ds").dtype == np.float32
    )
    with pytest.raises(SubjectError, match="--kind mel"):
        subject.features("mel")
    np.save(paths.features("bad"), np.zeros(3))
    with pytest.raises(SubjectError, match="shape"):
        subject.features("bad")
    np.save(paths.features("short"), np.zeros((3, 16, 29)))
    with pytest.raises(SubjectError, match="3 rows, the subject's frames need"):
        subject.features("short")
    np.save(paths.features("fast"), np.zeros((40, 16, 29)))  # 100 a second
    with pytest.raises(SubjectError, match="40 rows, the subject's video 10 frames: .* not 25"):
        subject.features("fast")
    np.save(paths.features("nan"), np.full((10, 16, 29), np.nan))
    with pytest.raises(SubjectError, match="not finite"):
        subject.features("nan")
    paths.features("empty").write_bytes(b"")
    with pytest.raises(SubjectError, match="empty.npy cannot be read"):
        subject.features("empty")


def spoil(path: Path, text: str):
    path.write_text(text)


def mirror(path: Path):
    data = json.loads(path.read_text())
    row = data["frames"][0]["transform_matrix"][0]
    row[:] = [-x for x in row]
    path.write_text(json.dumps(data))


def change(path: Path, how):
    """Change values of a JSON file: by name, or by a function of it."""
    data = json.loads(path.read_text())
    data.update(how) if isinstance(how, dict) else how(data)
    path.write_text(json.dumps(data))


def nan_shift(data: dict):
    data["frames"][2]["transform_matrix"][1][3] = np.nan


def behind(data: dict):
    data["frames"][0]["transform_matrix"][2][3] = 0.8


def twice(data: dict):
    data["frames"][0]["img_id"] = 1


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda p: spoil(p.info, "{"), "damaged"),
        (lambda p: spoil(p.info, json.dumps({"format_version": 99})), "version 99"),
        (lambda p: spoil(p.transforms("train"), "{}"), "transforms file"),
        (lambda p: mirror(p.transforms("train")), "frame 0: no rotation"),
        (lambda p: change(p.transforms("train"), nan_shift), "train.json .*frame 4: .*finite"),
        (lambda p: change(p.transforms("val"), behind), "val.json .*frame 9: the head .*in front"),
        (lambda p: change(p.transforms("train"), twice), "frame 1 more than once"),
        (lambda p: change(p.transforms("val"), twice), "val.json both hold frame 1 .1 such"),
        (lambda p: change(p.transforms("val"), {"cx": 9.0}), "cx is 8 and 9 pixels"),
        (lambda p: change(p.transforms("train"), {"focal_len": np.inf}), "focal length of inf"),
        (lambda p: change(p.transforms("train"), {"cx": np.nan}), "cx = nan"),
        (lambda p: change(p.info, {"fps": np.inf}), "fps is inf, expected 25"),
        (lambda p: change(p.info, {"n_frames": np.nan}), "n_frames is nan"),
        (lambda p: change(p.info, {"flags": {"99": "no face"}}), "flags name frames"),
        (lambda p: change(p.info, {"size": 17}), "17 pixels, bc.jpg has 16"),
        (lambda p: spoil(p.info, "[" * 100_000), "damaged"),
        (lambda p: p.transforms("val").unlink(), "prepared subject"),
        (lambda p: [p.image(i).unlink() for i in (0, 1, 4, 7)], "no usable"),
    ],
)
def test_damage_is_one_line(paths, damage, says):
    damage(paths)
    with pytest.raises(SubjectError, match=says) as caught:
        load_subject(paths.root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["image", "parsing", "torso"])
def test_an_image_of_another_size_is_named(paths, folder):
    subject = load_subject(paths.root)
    file = getattr(paths, folder)(1)
    write_image(file, np.zeros((4, 6, 4 if folder == "torso" else 3), np.uint8))
    with pytest.raises(SubjectError, match=rf"{file.name} has 6 x 4 pixels, bc.jpg"):
        subject.frame(subject.train[1])
        subject.plate(subject.train[1])


def test_damaged_images_and_tracks_are_named(paths):
    subject = load_subject(paths.root)
    paths.image(1).write_bytes(b"no image")
    with pytest.raises(MediaError, match="1.jpg"):
        subject.frame(subject.train[1])
    spoil(paths.landmarks(0), "1 2\n3 4\n")
    with pytest.raises(SubjectError, match="68 rows"):
        subject.frame(subject.train[0])
    paths.track.write_bytes(b"nothing")
    with pytest.raises(SubjectError, match="track"):
        _ = load_subject(paths.root).track


def shorter(track: Track) -> Track:
    return Track(track.landmarks[:3], track.blink[:3], track.valid[:3], track.viewmats[:3])


def spoilt(name: str, value: float):
    def damage(track: Track) -> Track:
        array = getattr(track, name).copy()
        array[3].flat[1] = value
        return replace(track, **{name: array})

    return damage


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (shorter, "3 rows, the subject's frames need 10"),
        (spoilt("blink", np.nan), "frame 3 has a blink outside"),
        (spoilt("blink", 7.0), "frame 3 has a blink outside"),
        (spoilt("landmarks", 1e30), "frame 3 has landmarks outside"),
        (spoilt("viewmats", np.nan), "frame 3: numbers that are not finite"),
        (spoilt("viewmats", 1e300), "frame 3: numbers .* beyond"),
    ],
)
def test_absurd_numbers_of_the_tracker_are_refused(paths, damage, says):
    damage(load_subject(paths.root).track).save(paths.track)
    subject = load_subject(paths.root)
    with pytest.raises(SubjectError, match=says):
        subject.blink(subject.train[0])


def test_a_table_of_blinks_that_ends_early_is_of_another_video(paths):
    paths.track.unlink()
    paths.action_units.write_text("frame,AU45_r\n" + "".join(f"{i},0.5\n" for i in (1, 2, 3)))
    subject = load_subject(paths.root)
    with pytest.raises(SubjectError, match="au.csv has 3 rows"):
        subject.blink(subject.train[0])


@pytest.mark.parametrize("points", [np.full((68, 2), np.nan), np.full((68, 2), 1e6), []])
def test_landmarks_that_cannot_be_are_refused(paths, points):
    np.savetxt(paths.landmarks(1), points)
    subject = load_subject(paths.root)
    with pytest.raises(SubjectError, match="1.lms"):
        subject.landmarks(subject.train[1])


def test_not_a_folder(tmp_path):
    with pytest.raises(SubjectError, match="not a folder"):
        load_subject(tmp_path / "none")


@pytest.mark.skipif("AUDIOPLANE_ASSETS" not in os.environ, reason="AUDIOPLANE_ASSETS is not set")
def test_a_transforms_file_of_ad_nerf():
    path = Path(os.environ["AUDIOPLANE_ASSETS"]) / "data/peers/adnerf_obama/transforms_val.json"
    split = read_split(path)
    assert len(split.frames) == 728 and split.frames[0].img_id == 7272
    for frame in split.frames[::100]:
        R = frame.viewmat[:3, :3]
        assert np.allclose(R @ R.T, np.eye(3), atol=1e-4)
        assert frame.viewmat[2, 3] > 0.3  # the head is in front of the camera


def test_without_a_tracked_body_there_is_none(tmp_path):
    write_folder(tmp_path)
    subject = load_subject(tmp_path)
    assert subject.body(subject.train[0]) is None and subject.body_reference is None


def test_the_bodys_rows_are_image_numbers(tmp_path):
    paths = write_folder(tmp_path)
    body = np.full((10, 4, 4), np.nan)
    for i in (0, 1, 4, 7, 9):
        body[i] = np.eye(4)
        body[i, 0, 3] = i - 4
    save_body(paths.body, body)
    subject = load_subject(tmp_path)

    for ref in (*subject.train, *subject.val):
        assert subject.body(ref)[0, 3] == ref.img_id - 4
    np.testing.assert_array_equal(subject.body_reference, subject.train[2].viewmat)


@pytest.mark.parametrize(
    ("rows", "lost", "why"), [(8, None, "8 rows"), (10, 7, "lacks frame 7"), (10, 4, "frame 4")]
)
def test_a_body_that_does_not_fit_is_refused(tmp_path, rows, lost, why):
    """Too few rows, a frame without a motion, a reference frame that is left out."""
    paths = write_folder(tmp_path)
    body = np.tile(np.eye(4), (rows, 1, 1))
    body[:, 0, 3] = np.arange(rows) - 4
    if lost == 7:
        body[7] = np.nan
    save_body(paths.body, body)
    if lost == 4:
        paths.landmarks(4).unlink()
    subject = load_subject(tmp_path)
    with pytest.raises(SubjectError, match=why):
        assert subject.body_reference is not None
        for ref in subject.train:
            subject.body(ref)
