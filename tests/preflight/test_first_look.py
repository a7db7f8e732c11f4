from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audioplane.face.finder import FaceFinder
from audioplane.face.landmarker import Face
from audioplane.preflight import check_video
from audioplane.preflight.first_look import find_quarter_turns, look_first
from tests.face.figure import HAIR, LIPS, DrawnFaces, draw, wide
from tests.prepare.conftest import write_clip


class FacesAnyWayUp(DrawnFaces):
    """Detects a face on its side as such; takes an upside-down one for an upright one."""

    def detect(self, image: np.ndarray) -> list[Face]:
        rows = {c: np.argwhere(np.abs(image.astype(int) - c).sum(-1) < 60) for c in (HAIR, LIPS)}
        if not len(rows[HAIR]) or not len(rows[LIPS]):
            return []
        up = rows[HAIR].mean(0) - rows[LIPS].mean(0)
        if abs(up[0]) > abs(up[1]):
            return super().detect(image)
        turns = 3 if up[1] < 0 else 1  # counterclockwise, to bring it upright
        size = len(image)
        found = []
        for face in super().detect(np.ascontiguousarray(np.rot90(image, turns))):
            x, y = face.points[:, 0], face.points[:, 1]
            x, y = (y, size - x) if turns == 3 else (size - y, x)
            points = np.stack([x, y, face.points[:, 2]], -1).astype(np.float32)
            found.append(replace(face, points=points))
        return found


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_orientation_follows_from_faces_on_their_side(turns):
    # Turned clockwise, so that as many turns counterclockwise bring it back.
    images = [np.ascontiguousarray(np.rot90(draw(i), -turns)) for i in range(3)]
    assert find_quarter_turns(images, FaceFinder(FacesAnyWayUp(None))) == turns


def test_a_video_on_its_side_is_turned_and_reported(tmp_path):
    frames = [np.ascontiguousarray(np.rot90(draw(i), -1)) for i in range(30)]
    report = check_video(write_clip(tmp_path / "v.mp4", frames), FacesAnyWayUp(None))
    assert report.sample.first_look.quarter_turns == 1
    assert report.figures.face is not None and abs(report.figures.face.roll.middle) < 10
    assert any(f.name == "orientation" for f in report.findings)


class SpeakerAndPoster(DrawnFaces):
    """The figures of `wide`, of which the larger has lips that stand still."""

    def __init__(self) -> None:
        super().__init__(None, max_faces=4)
        self._count = 0

    def detect(self, image: np.ndarray) -> list[Face]:
        self._count += 1
        faces = super().detect(image)
        for face in faces[1:]:  # the smaller ones speak
            lower = [17, 14, 87, 178, 88, 95, 324, 318, 402, 317]
            face.points[lower, 1] += (self._count % 3) * 0.05 * face.height
        return faces


def poster_video(path: Path) -> Path:
    return write_clip(path, [wide(0, (1.0, 5, 70), (1.4, 170, 10)) for _ in range(30)])


def test_the_face_whose_mouth_moves_is_taken_before_a_larger_one(tmp_path):
    video = poster_video(tmp_path / "v.mp4")
    settled = look_first(video, 12, [(0, 14)], SpeakerAndPoster(), None)
    assert settled.speaker is not None
    assert abs(settled.speaker[0] - 85) < 15  # the smaller figure's face
    report = check_video(video, SpeakerAndPoster())
    people = next(f for f in report.findings if f.name == "people")
    assert "whose mouth moves" in people.advice
    finder = FaceFinder(DrawnFaces(None, max_faces=4), settled.speaker)
    face = finder.find(wide(0, (1.0, 5, 70), (1.4, 170, 10)))
    assert face is not None and abs(face.centre[0] - 85) < 15


def test_where_no_mouth_moves_the_largest_is_taken(tmp_path):
    video = poster_video(tmp_path / "v.mp4")
    assert look_first(video, 12, [(0, 14)], DrawnFaces(None, max_faces=4), None).speaker is None
