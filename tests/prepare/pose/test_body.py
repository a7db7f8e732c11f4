from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from audioplane.media.image import write_image
from audioplane.prepare.pose.body import reference_frame, track_body, with_body
from audioplane.progress import Progress
from audioplane.subject import (
    FrameRef,
    Label,
    Split,
    Subject,
    SubjectInfo,
    SubjectPaths,
    load_subject,
    paint_labels,
    reference_row,
    save_body,
    write_split,
)
from audioplane.synthetic.make import make_synthetic

SIZE, FRAMES, FOCAL, DEPTH = 256, 45, 550.0, 0.8
CENTRE = np.array([130.0, 124.0])
"""Of the camera: not the image's."""
CORNERS = np.array([[60.0, 175.0], [196.0, 175.0], [40.0, 240.0], [216.0, 240.0]])
"""Pixels of the torso in the reference frame."""
_OUTLINE = np.array([[20, 300], [45, 185], [105, 165], [151, 165], [211, 185], [236, 300]])


@dataclass(frozen=True)
class Motion:
    """Where the torso lies, against rest."""

    shift: tuple[float, float] = (0.0, 0.0)
    degrees: float = 0.0
    scale: float = 1.0

    def matrix(self) -> np.ndarray:
        """3 x 3, pixels; turned and scaled about the torso."""
        top = cv2.getRotationMatrix2D((128, 210), self.degrees, self.scale)
        top[:, 2] += self.shift
        return np.vstack([top, [0, 0, 1]])


def sway(i: int) -> Motion:
    """A body that leans, turns its shoulders up and down and comes nearer."""
    shift = 9 * np.sin(0.21 * i), 4 * np.sin(0.13 * i + 1)
    return Motion(shift, 2.5 * np.sin(0.17 * i), 1 + 0.04 * np.sin(0.11 * i + 2))


def cloth(plain: bool) -> np.ndarray:
    """The torso as it is at rest, larger than the image below."""
    image = np.full((320, SIZE, 3), (60, 70, 110), np.uint8)
    if not plain:
        rng = np.random.default_rng(1)
        coarse = cv2.resize(rng.normal(0, 1, (40, 32)), (SIZE, 320), interpolation=cv2.INTER_CUBIC)
        image = np.clip(image + 25 * coarse[..., None], 0, 255).astype(np.uint8)
    return image


def frame(i: int, motion: Motion, plain: bool, hand: bool) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels: a wall, the torso, a head that moves by itself, a hand before the torso."""
    ramp = np.linspace(120, 200, SIZE)
    image = np.repeat(np.repeat(ramp[None, :, None], SIZE, 0), 3, 2)
    labels = np.zeros((SIZE, SIZE), np.uint8)
    matrix = motion.matrix()[:2]
    outline = cv2.fillPoly(np.zeros((320, SIZE), np.float32), [_OUTLINE], 1.0)
    soft = cv2.GaussianBlur(cv2.warpAffine(outline, matrix, (SIZE, SIZE)), (0, 0), 0.8)[..., None]
    moved = cv2.warpAffine(cloth(plain), matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT)
    image = soft * moved + (1 - soft) * image
    labels[soft[..., 0] > 0.5] = Label.TORSO
    if hand:
        at = (60 + 3 * i, 215 + round(12 * np.sin(i)))
        cv2.circle(image, at, 24, (210, 160, 140), -1)
        cv2.circle(labels, at, 24, int(Label.TORSO), -1)
    head = (128 + round(20 * np.sin(0.5 * i)), 110)
    for colour, onto in (((200, 150, 130), image), (int(Label.HEAD), labels)):
        cv2.ellipse(onto, head, (42, 58), 0, 0, 360, colour, -1)
    noise = np.random.default_rng(i).normal(0, 2, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), labels


def write_subject(root: Path, motions, plain=False, hand=False, cuts=(), left_out=()) -> Subject:
    """A subject whose torso moves as told; every frame's head pose is another."""
    paths = SubjectPaths(root)
    paths.make_folders()
    refs = []
    for i, motion in enumerate(motions):
        if i in left_out:
            continue
        image, labels = frame(i, motion, plain, hand)
        write_image(paths.image(i), image, 97)
        write_image(paths.parsing(i), paint_labels(labels))
        paths.landmarks(i).write_text("100 100\n" * 68)
        viewmat = np.eye(4)
        viewmat[:3, 3] = 0.01 * np.sin(i), 0.0, DEPTH
        refs.append(FrameRef(i, i, viewmat))
    write_image(paths.background, np.full((SIZE, SIZE, 3), 160, np.uint8))
    info = SubjectInfo(SIZE, len(motions), flags=dict.fromkeys(left_out, "no face"), cuts=cuts)
    info.save(paths.info)
    cut = round(len(refs) * 10 / 11)
    for name, part in (("train", refs[:cut]), ("val", refs[cut:])):
        write_split(paths.transforms(name), Split(FOCAL, *CENTRE, tuple(part)))
    return load_subject(root)


def errors(subject: Subject, body: np.ndarray, motions) -> np.ndarray:
    """Pixels by which the torso's corners are misplaced, one row a used frame."""
    reference = reference_row(body.astype(np.float64))
    away = []
    for ref in (*subject.train, *subject.val):
        true = motions[ref.img_id].matrix() @ np.linalg.inv(motions[reference].matrix())
        expected = np.c_[CORNERS, np.ones(4)] @ true[:2].T
        points = np.c_[(CORNERS - CENTRE) * DEPTH / FOCAL, np.full(4, DEPTH), np.ones(4)]
        seen = (points @ body[ref.img_id].T)[:, :3]
        found = FOCAL * seen[:, :2] / seen[:, 2:] + CENTRE
        away.append(np.linalg.norm(found - expected, axis=1))
    return np.array(away)


@pytest.mark.parametrize(
    ("plain", "hand", "median", "most"),
    [(False, False, 0.1, 0.5), (False, True, 0.1, 0.5), (True, False, 0.2, 0.6)],
)
def test_a_swaying_body_is_followed(tmp_path, plain, hand, median, most):
    motions = [sway(i) for i in range(FRAMES)]
    subject = write_subject(tmp_path, motions, plain, hand)

    away = errors(subject, track_body(subject), motions)

    assert np.median(away) <= median
    assert away.max() <= most


def test_rows_are_image_numbers_and_unused_frames_have_none(tmp_path):
    motions = [sway(i) for i in range(12)]
    subject = write_subject(tmp_path, motions, left_out=(0, 3, 7))
    seen: list[Progress] = []

    body = track_body(subject, seen.append)

    assert body.shape == (12, 4, 4) and body.dtype == np.float32
    assert np.flatnonzero(np.isnan(body).any((1, 2))).tolist() == [0, 3, 7]
    assert (body[reference_frame(subject).img_id] == np.eye(4)).all()
    assert seen[-1].done == seen[-1].total > 0


def test_a_cut_to_another_place_is_followed(tmp_path):
    motions = [sway(i) for i in range(20)] + [Motion((26.0, -6.0), 3.0, 1.05)] * 10
    subject = write_subject(tmp_path, motions, cuts=(20,))

    assert reference_frame(subject).img_id == 10
    assert errors(subject, track_body(subject), motions).max() <= 0.5


def test_a_body_that_nobody_sees_stays(tmp_path):
    motions = [Motion((0.0, 300.0))] * 6
    subject = write_subject(tmp_path, motions)
    body = track_body(subject)
    assert (body == np.eye(4)).all()


def test_what_is_kept_is_what_the_subject_tells(tmp_path):
    motions = [sway(i) for i in range(12)]
    subject = write_subject(tmp_path, motions)
    body = track_body(subject)
    save_body(subject.paths.body, body)

    again = load_subject(tmp_path)

    assert again.body_reference is not None
    assert (again.body_reference == reference_frame(subject).viewmat).all()
    for ref in (*again.train, *again.val):
        assert (again.body(ref) == body[ref.img_id]).all()


def test_the_synthetic_body_is_followed(tmp_path):
    """It turns about all axes before the camera, which a motion in the image only comes near."""
    truth = make_synthetic(tmp_path, seconds=3.0, size=128, kinds=("mel",), moving_body=True)
    body = track_body(load_subject(tmp_path)).astype(np.float64)

    x, y = np.meshgrid((-0.15, -0.07, 0.0, 0.07, 0.15), (0.19, 0.23))
    points = np.stack([x, y, np.full_like(x, -0.08), np.ones_like(x)], -1).reshape(-1, 4)
    at = points @ truth.body_viewmats.transpose(0, 2, 1)
    moved = at[reference_row(body)] @ body.transpose(0, 2, 1)
    true, found = (truth.focal * p[..., :2] / p[..., 2:3] for p in (at, moved))
    away = np.linalg.norm(found - true, axis=-1)
    still = np.linalg.norm(true[reference_row(body)] - true, axis=-1)
    assert np.median(away) <= 0.75 < 1.5 <= np.median(still)
    assert np.percentile(away, 95) <= 2.0


def test_a_subject_without_it_is_completed_once(tmp_path, monkeypatch):
    subject = write_subject(tmp_path, [sway(i) for i in range(12)])
    assert subject.body(subject.train[0]) is None

    completed = with_body(subject)

    ref = completed.train[2]
    expected = completed.body(ref) @ completed.body_reference
    assert (completed.body_view(ref) == expected).all()
    monkeypatch.setattr("audioplane.prepare.pose.body.track_body", None)
    assert with_body(completed) is completed
