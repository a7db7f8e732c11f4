import numpy as np
import pytest

from audioplane.errors import PrepareError
from audioplane.face.finder import CropBox, FaceFinder
from audioplane.face.landmarker import Face
from audioplane.prepare import PrepareOptions, stages
from audioplane.prepare.crop import choose_crop, find_crop
from audioplane.prepare.job import Job
from audioplane.prepare.record import open_record
from audioplane.progress import Progress
from audioplane.subject import SubjectPaths
from tests.face.figure import SIZE, DrawnFaces, face_centre, template, wide
from tests.prepare.conftest import write_clip


def crop_job(tmp_path, frames) -> tuple[Job, list[str]]:
    """The stage's job for a video, and its messages."""
    said: list[str] = []
    paths = SubjectPaths(tmp_path / "s")
    video = write_clip(tmp_path / "v.mp4", frames)

    def listen(progress: Progress) -> None:
        if progress.message:
            said.append(progress.message)

    paths.root.mkdir()
    record = open_record(paths.root, "0", {}, force=False, last="body")
    job = Job(video, paths, record, PrepareOptions(size=SIZE, speech=("mel",)), "crop", listen)
    return job, said


def test_of_several_people_the_largest_is_taken_and_reported(tmp_path):
    frames = [wide(i, (1.0, 5, 70), (1.4, 170, 10)) for i in range(12)]
    job, said = crop_job(tmp_path, frames)
    stages.crop_stage(job)

    assert job.record.notes["people"] == "2 faces seen: the largest was taken"
    assert said == [job.record.notes["people"]]
    box = job.record.crop
    assert box is not None
    x, y = 170 + 1.4 * 80, 10 + 1.4 * 74
    assert abs(box.left + box.side / 2 - x) < 20
    assert box.top < y - 50 < y + 50 < box.top + box.side


def test_a_lone_person_is_not_remarked_upon(tmp_path):
    job, said = crop_job(tmp_path, [wide(i, (1.2, 100, 40)) for i in range(12)])
    stages.crop_stage(job)
    assert set(job.record.notes) == {"crop"}
    assert not said


def test_a_very_small_face_is_found_through_windows_and_then_followed(tmp_path):
    def far(i: int) -> np.ndarray:
        return wide(i, (0.5, 300 + i, 150), height=360, width=640)

    landmarker = DrawnFaces(None, max_faces=4)
    assert not landmarker.detect(far(0))  # the stand-in overlooks it in the whole image

    job, said = crop_job(tmp_path, [far(i) for i in range(22)])
    stages.crop_stage(job)

    assert len(job.record.face_centres) == 5
    box = job.record.crop
    assert box is not None
    for i in (0, 10, 20):
        x, y = np.array(face_centre(i)) * 0.5 + [300 + i, 150]
        assert box.left + 10 < x < box.left + box.side - 10
        assert box.top + 10 < y < box.top + box.side - 10
    assert box.side < 120
    assert not said


def test_a_face_too_small_for_the_frames_is_said_to_be_soft(tmp_path):
    job, said = crop_job(tmp_path, [wide(i, (0.35, 300, 150), width=640) for i in range(6)])
    stages.crop_stage(job)
    assert said == [job.record.notes["resolution"]]
    assert "px high: soft" in said[0]


def test_a_video_without_a_face_is_a_clear_error():
    with pytest.raises(PrepareError, match="no face was found"):
        find_crop(iter([wide(i) for i in range(6)]), FaceFinder(DrawnFaces(None)), lambda n: None)


def face_at(x: float, y: float, half_width: float) -> Face:
    points = template() * np.float32(half_width)
    points[:, :2] += np.array([x, y], np.float32)
    return Face(points, np.zeros(2, np.float32))


def test_a_square_portrait_is_taken_as_it_is():
    assert choose_crop([face_at(256, 250, 90)], 512, 512) == CropBox(0, 0, 512)
    assert choose_crop([face_at(256, 250, 40)], 512, 512) != CropBox(0, 0, 512)


def test_the_crop_holds_all_places_of_the_face_with_room_around():
    faces = [face_at(x, 300, 60) for x in (500, 560, 620)]
    box = choose_crop(faces, 720, 1280)
    for face in faces:
        low, high = face.points[:, :2].min(0), face.points[:, :2].max(0)
        assert low[0] - box.left > 0.3 * face.height
        assert box.left + box.side - high[0] > 0.3 * face.height
        assert low[1] - box.top > 0.4 * face.height


def test_a_crop_of_a_portrait_video_stays_inside_the_image():
    faces = [face_at(x, 500, 100) for x in (240, 300)]  # a usual crop would be 540 px wide
    box = choose_crop(faces, 960, 540)
    assert box.inside(540, 960) and box.side >= 500
    low = np.min([f.points[:, :2].min(0) for f in faces], axis=0)
    high = np.max([f.points[:, :2].max(0) for f in faces], axis=0)
    assert (low > [box.left, box.top]).all()
    assert (high < [box.left + box.side, box.top + box.side]).all()
    corner = choose_crop([face_at(110, 150, 80)], 720, 1280)
    assert corner.inside(1280, 720)


def test_a_crop_that_cannot_stay_inside_is_reported(tmp_path):
    frames = [wide(i, (1.6, 0, 0), height=256, width=256)[:, 56:200] for i in range(12)]
    job, said = crop_job(tmp_path, frames)
    stages.crop_stage(job)
    assert any("reaches beyond the image" in line for line in said)
