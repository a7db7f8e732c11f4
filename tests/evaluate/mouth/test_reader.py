from collections.abc import Callable

import cv2
import numpy as np
import pytest

from audioplane.errors import SubjectError
from audioplane.evaluate.mouth.reader import CROP, MouthReader
from audioplane.evaluate.scores.lips import correlation, lip_scores
from audioplane.media.image import read_image
from audioplane.subject import FrameRef, Subject

Draw = Callable[[FrameRef, float], np.ndarray]


@pytest.fixture(scope="module")
def reader(subject: Subject) -> MouthReader:
    return MouthReader.fit(subject)


def test_it_reads_frames_that_it_was_not_fitted_on(reader: MouthReader, subject: Subject) -> None:
    accuracy = reader.accuracy
    assert accuracy is not None and accuracy.n_frames == len(subject.val)
    assert accuracy.aperture > 0.98 and accuracy.landmarks < 0.6


def test_it_reads_the_mouth_and_not_the_pose(
    reader: MouthReader, subject: Subject, draw_face: Draw
) -> None:
    opening = np.random.default_rng(0).uniform(0, 1, len(subject.val))
    frames = [draw_face(r, o) for r, o in zip(subject.val, opening, strict=True)]
    track = reader.read(frames, subject.val)
    assert track.landmarks.shape == (len(frames), 20, 2) and track.found.all()
    assert correlation(track.aperture, opening) > 0.98


@pytest.mark.parametrize("worsen", ["blur", "light", "place"])
def test_a_render_that_is_a_little_off_reads_the_same(
    reader: MouthReader, subject: Subject, worsen: str
) -> None:
    frames = [read_image(subject.paths.image(r.img_id)) for r in subject.val]
    rng = np.random.default_rng(0)

    def off(frame: np.ndarray) -> np.ndarray:
        if worsen == "blur":
            return cv2.GaussianBlur(frame, (0, 0), 0.8)
        if worsen == "light":
            return (frame * rng.uniform(0.9, 1)).astype(np.uint8)
        move = np.array([[1, 0, rng.normal(0, 0.7)], [0, 1, rng.normal(0, 0.7)]])
        return cv2.warpAffine(frame, move, (128, 128), borderMode=cv2.BORDER_REPLICATE)

    seen = reader.read([off(f) for f in frames], subject.val)
    scores = lip_scores(seen, reader.read(frames, subject.val), "reader")
    assert scores.mac is not None and scores.mac > 0.97
    assert scores.lmd is not None and scores.lmd < 0.3


def test_the_crop_stays_on_the_mouth(reader: MouthReader, subject: Subject) -> None:
    for ref in subject.val:
        matrix = reader.frame.to_image(ref)
        corners = np.stack([reader.frame.low, reader.frame.high])
        local = (subject.landmarks(ref)[48:60] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        assert (local > corners[0]).all() and (local < corners[1]).all()
        crop = reader.frame.crop(read_image(subject.paths.image(ref.img_id)), ref)
        assert crop.shape == (CROP[1], CROP[0], 3)
        # The dark of the mouth lies in the middle, skin at the corners.
        assert crop[10:14, 13:19].mean() + 30 < crop[[0, 0, -1, -1], [0, -1, 0, -1]].mean()


def test_the_crop_is_where_its_matrix_says(reader: MouthReader, subject: Subject) -> None:
    ref = subject.val[0]
    y, x = np.mgrid[:128, :128] + 0.5
    ramp = np.stack([x, y, 0 * x], -1).round().astype(np.uint8)
    step = (reader.frame.high - reader.frame.low) / CROP
    grid = np.stack(np.meshgrid(np.arange(CROP[0]), np.arange(CROP[1])), -1) + 0.5
    expected = (reader.frame.low + grid * step) @ reader.frame.to_image(ref)[:, :2].T
    expected += reader.frame.to_image(ref)[:, 2]
    crop = reader.frame.crop(ramp, ref)[..., :2].astype(float)
    np.testing.assert_allclose((crop - expected).mean((0, 1)), 0, atol=0.3)
    np.testing.assert_allclose(crop, expected, atol=1.5)


def test_a_subject_with_few_frames_is_refused(
    tiny_subject: Callable[[int, int], Subject],
) -> None:
    with pytest.raises(SubjectError, match="training frames"):
        MouthReader.fit(tiny_subject(5, 2))


def test_images_and_poses_must_match(reader: MouthReader, subject: Subject) -> None:
    with pytest.raises(ValueError, match="zip"):
        reader.read([np.zeros((128, 128, 3), np.uint8)], subject.val[:2])
