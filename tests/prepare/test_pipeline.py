import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import AudioplaneError, PrepareError
from audioplane.face.finder import CropBox
from audioplane.face.landmarker import BLENDSHAPES
from audioplane.media.audio import at_speed, read_audio
from audioplane.media.image import read_image
from audioplane.preflight.sync import Offset
from audioplane.prepare import PrepareOptions, prepare_subject
from audioplane.prepare.job import Job
from audioplane.prepare.masks import person
from audioplane.prepare.record import Record
from audioplane.prepare.stages import frames_stage, preflight_stage
from audioplane.progress import ignore
from audioplane.subject import Label, SubjectPaths, load_subject, read_labels
from audioplane.subject.expression import COLUMNS, load_expressions
from tests.face.figure import CLASS_COLOURS, COAT, HAIR, SIZE, SKIN, WALL, draw, parts
from tests.prepare.conftest import (
    FRAMES,
    OPTIONS,
    QUICK,
    contents,
    write_clip,
    write_silent_track_first,
)
from tests.prepare.tiny_segmenter import write_segmenter
from tests.speech.tiny_deepspeech import write_deepspeech


def labels_of(out: Path, i: int) -> np.ndarray:
    return read_labels(read_image(SubjectPaths(out).parsing(i)))


def test_the_folder_loads_as_a_subject(prepared):
    subject = load_subject(prepared)

    assert len(subject.train) + len(subject.val) == FRAMES
    assert len(subject.val) == 3
    assert subject.info.consent == "drawn, nobody"
    assert subject.info.source == "figure.mp4"
    assert subject.features("mel").shape[0] == FRAMES
    frame = subject.frame(subject.train[0])
    assert frame.image.shape == (SIZE, SIZE, 3)
    assert subject.track is not None
    assert subject.track.valid.all()
    np.testing.assert_allclose(subject.blink(subject.val[0]), [0.1, 0.2], atol=1e-6)
    table = load_expressions(subject.paths.expressions)
    assert table.shape == (FRAMES, len(COLUMNS))
    inner = table[0, COLUMNS.index("browInnerUp")]
    assert inner == pytest.approx(BLENDSHAPES.index("browInnerUp") / 51)
    assert not (prepared / "blendshapes.npy").exists()
    for ref in subject.train:
        assert ref.img_id == ref.aud_id
        at = subject.K @ ref.viewmat[:3, 3]
        assert np.abs(at[:2] / at[2] - subject.landmarks(ref).mean(0)).max() < 0.2 * SIZE


def test_the_flicker_of_the_outline_is_reported(prepared):
    assert load_subject(prepared).info.tools["outline"].endswith("% of the head's outline flickers")


@pytest.mark.parametrize("focal", [0.0, np.inf])
def test_a_focal_length_that_no_camera_has_is_refused(clip, tmp_path, focal):
    with pytest.raises(PrepareError, match="focal length"):
        prepare_subject(clip, tmp_path / "s", replace(QUICK, focal=focal))


@pytest.mark.parametrize("size", [0, -5, 8, 33, 5000])
def test_a_size_out_of_bounds_is_refused_at_once(tmp_path, size):
    fails(tmp_path / "nowhere.mp4", tmp_path / "s", "even size", replace(QUICK, size=size))
    assert not (tmp_path / "s").exists()


def test_a_given_focal_length_is_the_cameras(clip, tmp_path):
    prepare_subject(clip, tmp_path / "s", replace(QUICK, focal=500.0))
    assert load_subject(tmp_path / "s").train[0].img_id == 0
    assert '"focal_len": 500' in (tmp_path / "s" / "transforms_train.json").read_text()


@pytest.mark.parametrize(
    ("asked", "found", "moved"),
    [
        (None, (0.24, True), 0.24),
        (None, (-0.24, True), -0.24),
        (None, (0.24, False), 0.0),
        (None, (0.08, True), 0.0),
        (0.4, (0.24, True), 0.4),
        (0.0, (0.24, True), 0.0),
    ],
)
def test_late_sound_is_moved_to_its_images(clip, tmp_path, monkeypatch, asked, found, moved):
    seconds, believed = found
    offset = Offset(seconds, 0.5, 0.0 if believed else 0.5, np.zeros(41))
    monkeypatch.setattr("audioplane.preflight.check.estimate_offset", lambda *_, **__: offset)
    paths = SubjectPaths(tmp_path)
    paths.make_folders()
    record = Record(tmp_path / "r.json", "", {}, crop=CropBox(0, 0, SIZE), n_frames=FRAMES)
    job = Job(clip, paths, record, replace(QUICK, sound_late=asked), "frames", ignore)
    preflight_stage(job)
    frames_stage(job)
    assert ("sound" in record.notes) == (moved != 0)
    kept = read_audio(paths.audio)
    n = round(moved * 16000)
    recorded = read_audio(clip)[: FRAMES * 640]
    late, early = max(0, n), max(0, -n)
    assert np.allclose(
        kept[early : len(kept) - late], recorded[late : len(kept) - early], atol=1e-3
    )
    assert not kept[:early].any() and len(kept) == FRAMES * 640


def test_a_sound_that_drifts_is_played_at_another_speed(clip, tmp_path, monkeypatch):
    offset = Offset(0.04, 0.5, 0.0, np.zeros(41), growth=0.003)
    monkeypatch.setattr("audioplane.preflight.check.estimate_offset", lambda *_, **__: offset)
    paths = SubjectPaths(tmp_path)
    paths.make_folders()
    record = Record(tmp_path / "r.json", "", {}, crop=CropBox(0, 0, SIZE), n_frames=FRAMES)
    job = Job(clip, paths, record, QUICK, "frames", ignore)
    preflight_stage(job)
    frames_stage(job)
    assert (
        record.notes["sound"] == "moved by -40 ms, and by -3.00 ms more each second, to its image"
    )
    kept, expected = read_audio(paths.audio), at_speed(read_audio(clip)[640:], 1.003)
    n = min(len(kept), len(expected))
    assert n > len(kept) - 1600 and np.allclose(kept[:n], expected[:n], atol=1e-3)


def test_the_track_that_speaks_is_prepared_and_another_can_be_chosen(tmp_path):
    clip = write_silent_track_first(tmp_path / "two.mp4")
    prepare_subject(clip, tmp_path / "s", QUICK)
    assert np.abs(read_audio(SubjectPaths(tmp_path / "s").audio)).max() > 0.2
    assert "2 is taken" in load_subject(tmp_path / "s").info.tools["sound track"]

    fails(clip, tmp_path / "s", "other options", replace(QUICK, audio_track=2))
    fails(clip, tmp_path / "silent", "silent", replace(QUICK, audio_track=1))
    fails(clip, tmp_path / "none", "no sound track 3", replace(QUICK, audio_track=3))
    assert not (tmp_path / "none").exists()


def test_an_implausible_offset_is_refused(clip, tmp_path):
    with pytest.raises(PrepareError, match="sound late by 20 s"):
        prepare_subject(clip, tmp_path / "s", replace(QUICK, sound_late=20.0))


def test_a_networks_speech_features_can_be_chosen(clip, tmp_path):
    paths = SubjectPaths(tmp_path / "figure")
    paths.make_folders()
    record = Record(tmp_path / "r.json", "", {}, crop=CropBox(0, 0, SIZE), n_frames=FRAMES)
    model = write_deepspeech(tmp_path / "model.tflite")
    options = replace(QUICK, speech=("deepspeech",), speech_model=model)
    job = Job(clip, paths, record, options, "frames", ignore)
    frames_stage(job)
    assert np.load(paths.features("deepspeech")).shape == (FRAMES, 16, 29)


@pytest.mark.parametrize("i", [0, 10, 20, 32])
def test_the_mask_is_the_figure(prepared, i):
    labels = labels_of(prepared, i)
    image = draw(i)
    true = parts(image) > 0
    person = labels != Label.BACKGROUND
    assert (person & true).sum() / (person | true).sum() > 0.93
    hair = np.abs(image.astype(int) - HAIR).sum(-1) < 30
    above = np.indices(hair.shape)[0] < 70
    assert (labels[hair & above] == Label.HEAD).mean() > 0.9
    coat = np.abs(image.astype(int) - COAT).sum(-1) < 30
    assert (labels[coat] == Label.TORSO).mean() > 0.9


def test_the_jaw_separates_head_and_neck(prepared):
    subject = load_subject(prepared)
    for ref in subject.train[::10]:
        labels = labels_of(prepared, ref.img_id)
        chin = np.round(subject.landmarks(ref)[8]).astype(int)
        assert labels[chin[1] - 4, chin[0]] == Label.HEAD
        assert labels[chin[1] + 4, chin[0]] == Label.NECK
        mouth = np.round(subject.landmarks(ref)[[62, 66]].mean(0)).astype(int)
        assert labels[mouth[1], mouth[0]] == Label.MOUTH


def test_the_torso_reaches_under_the_chin_and_holds_no_hair(prepared):
    subject = load_subject(prepared)
    for ref in subject.train[::10]:
        rgba = read_image(subject.paths.torso(ref.img_id), channels=4).astype(int)
        x, y = np.round(subject.landmarks(ref)[8]).astype(int)
        under = rgba[y - 8 : y + 4, x]
        assert (under[:, 3] > 250).all()
        assert np.abs(under[:, :3] - SKIN).sum(-1).max() < 60
        shown = rgba[: y - 20][rgba[: y - 20, :, 3] > 128][:, :3]
        assert not len(shown) or (np.abs(shown - HAIR).sum(-1) < 40).mean() < 0.05


def test_the_background_has_no_person(prepared):
    background = read_image(SubjectPaths(prepared).background).astype(int)
    for colour in (SKIN, HAIR, COAT):
        assert (np.abs(background - colour).sum(-1) < 60).mean() < 0.01


def test_a_segmenters_parts_are_used(tmp_path, clip):
    model = write_segmenter(tmp_path / "parts.tflite", CLASS_COLOURS)
    options = replace(OPTIONS, segmenter=model)
    info = prepare_subject(clip, tmp_path / "s", options)
    assert info.tools["parsing"] == "part segmenter"
    for i in (0, 16, 32):
        labels, true = labels_of(tmp_path / "s", i), parts(draw(i))
        person = labels != Label.BACKGROUND
        assert (person & (true > 0)).sum() / (person | (true > 0)).sum() > 0.97
        assert (labels == Label.HAIR).sum() > 500
        assert (true[labels == Label.HAIR] == 1).mean() > 0.9


def test_without_a_part_segmenter_the_person_network_is_used(prepared):
    assert load_subject(prepared).info.tools["parsing"] == "person network"


def test_a_missing_person_network_is_an_error(clip, tmp_path, monkeypatch):
    def offline(model, given=None):
        raise PrepareError(f"{model.name} cannot be downloaded")

    monkeypatch.setattr(person, "require_model", offline)
    fails(clip, tmp_path / "s", "selfie_segmentation.tflite cannot be downloaded", OPTIONS)
    assert not any((tmp_path / "s").rglob("*.jpg"))  # before the long work


def test_a_finished_preparation_is_not_repeated(clip, prepared):
    seen = []
    prepare_subject(clip, prepared, OPTIONS, seen.append)
    assert not seen


def fails(video: Path, out: Path, match: str, options: PrepareOptions = QUICK) -> None:
    with pytest.raises(AudioplaneError, match=match) as caught:
        prepare_subject(video, out, options)
    assert "\n" not in str(caught.value)


def test_another_video_or_other_options_need_another_folder(tmp_path, prepared):
    other = write_clip(tmp_path / "other.mp4", [draw(i + 5) for i in range(FRAMES)])
    before = contents(prepared)
    fails(other, prepared, "another video")
    assert contents(prepared) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    fails(other, tmp_path / "full", "not empty")


def test_other_options_are_refused_and_force_starts_again(tmp_path, clip, prepared_quick):
    out = tmp_path / "s"
    shutil.copytree(prepared_quick, out)
    (out / "thesis.txt").write_text("mine")
    fails(clip, out, "other options", replace(QUICK, size=SIZE + 16))
    info = prepare_subject(clip, out, replace(QUICK, size=SIZE + 16, force=True))
    assert info.size == SIZE + 16
    assert (out / "thesis.txt").read_text() == "mine"


def test_consent_may_be_stated_later(tmp_path, clip, prepared_quick):
    out = tmp_path / "s"
    shutil.copytree(prepared_quick, out)
    prepare_subject(clip, out, replace(QUICK, consent="Ann, for films"))
    assert prepare_subject(clip, out, QUICK).consent == "Ann, for films"
    assert load_subject(out).info.consent == "Ann, for films"


def test_no_sound_no_face_and_too_little_are_clear_errors(tmp_path):
    fails(write_clip(tmp_path / "a.mp4", sound=None), tmp_path / "a", "no sound track")
    fails(write_clip(tmp_path / "b.mp4", sound=False), tmp_path / "b", "silent")
    moved = replace(QUICK, sound_late=5.0)
    fails(write_clip(tmp_path / "f.mp4"), tmp_path / "f", "moved by -5 s is silent", moved)
    wall = [np.full((SIZE, SIZE, 3), 90, np.uint8)] * 30
    fails(write_clip(tmp_path / "c.mp4", wall), tmp_path / "c", "no face")
    few = [draw(i) for i in range(10)]
    fails(write_clip(tmp_path / "d.mp4", few), tmp_path / "d", "at least 0.88 s are needed")
    fails(tmp_path / "nowhere.mp4", tmp_path / "e", "not a file")


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path, clip):
    (tmp_path / "file").write_text("")
    fails(clip, tmp_path / "file" / "s", "cannot be written")


def test_frames_without_a_face_are_flagged_and_left_out(tmp_path):
    frames = [draw(i) for i in range(40)]
    wall = np.full((SIZE, SIZE, 3), 90, np.uint8)
    frames[12:16] = [wall] * 4
    info = prepare_subject(write_clip(tmp_path / "v.mp4", frames), tmp_path / "s", QUICK)

    assert info.flags == dict.fromkeys(range(12, 16), "no face")
    subject = load_subject(tmp_path / "s")
    ids = [f.img_id for f in subject.train + subject.val]
    assert ids == [i for i in range(40) if not 12 <= i < 16]


def shifted(image: np.ndarray, x: int) -> np.ndarray:
    """The image moved to the right; uncovered pixels get the wall's colour."""
    moved = np.full_like(image, WALL)
    moved[:, x:] = image[:, : SIZE - x]
    return moved


def test_frames_that_the_face_leaves_are_flagged_and_left_out(tmp_path):
    frames = [draw(i) for i in range(40)]
    gone = range(17, 23)
    for i in gone:
        frames[i] = shifted(frames[i], 74)
    info = prepare_subject(write_clip(tmp_path / "v.mp4", frames), tmp_path / "s", QUICK)

    assert info.flags == dict.fromkeys(gone, "face leaves the frame")
    subject = load_subject(tmp_path / "s")
    ids = [f.img_id for f in subject.train + subject.val]
    assert ids == [i for i in range(40) if i not in gone]
    assert subject.track is not None
    assert np.flatnonzero(~subject.track.valid).tolist() == list(gone)
    for i in gone:
        assert not subject.paths.torso(i).exists()


def test_too_few_usable_frames_are_a_clear_error_whatever_the_length(tmp_path):
    frames = [draw(i) for i in range(34)]
    for i in range(5, 18):
        frames[i] = np.full_like(frames[i], 90)
    fails(write_clip(tmp_path / "v.mp4", frames), tmp_path / "s", "only 21 of 34 .* 22")


def test_a_face_in_a_wide_image_is_cropped_to_a_square(tmp_path):
    frames = []
    for i in range(30):
        wide = np.full((240, 426, 3), 90, np.uint8)
        wide[80:, 200:360] = draw(i)
        frames.append(wide)
    prepare_subject(write_clip(tmp_path / "v.mp4", frames), tmp_path / "s", QUICK)
    landmarks = load_subject(tmp_path / "s").landmarks(load_subject(tmp_path / "s").train[0])
    assert 0.25 * SIZE < np.ptp(landmarks[:, 0]) < 0.6 * SIZE
    assert landmarks[:, 1].min() > 0.15 * SIZE
    with pytest.raises(PrepareError, match="another video"):
        prepare_subject(write_clip(tmp_path / "w.mp4"), tmp_path / "s", QUICK)


def test_poses_are_those_of_the_pixels_and_long_hair_is_noted(
    tmp_path, clip, prepared_quick, monkeypatch
):
    def nearer(look, landmarks, viewmats, camera, done):
        assert look(0).shape == (SIZE, SIZE, 3) and len(landmarks) == len(viewmats)
        moved = viewmats.copy()
        moved[:, 2, 3] += 1
        return moved

    before = load_subject(prepared_quick)
    assert "hair" not in before.info.tools
    monkeypatch.setattr("audioplane.prepare.pose.pixels.refine_by_pixels", nearer)
    monkeypatch.setattr("audioplane.subject.hair._LONG", -1.0)
    said = []

    info = prepare_subject(clip, tmp_path / "s", QUICK, lambda p: said.append(p.message))

    assert "shoulders" in info.tools["hair"] and info.tools["hair"] in said
    poses = np.stack([ref.viewmat for ref in load_subject(tmp_path / "s").train])
    assert poses[:, 2, 3].min() > 1
