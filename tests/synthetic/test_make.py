from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from audioplane.errors import MediaError, SubjectError
from audioplane.face.regions import mouth_aperture
from audioplane.progress import Progress
from audioplane.speech import compute_features
from audioplane.subject import Label, Subject, load_subject
from audioplane.subject.info import SubjectInfo
from audioplane.synthetic import (
    SyntheticScene,
    SyntheticTruth,
    make_synthetic,
    make_synthetic_sentence,
)
from audioplane.synthetic.face import BROW

SECONDS, SIZE = 2.2, 64


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, SyntheticTruth, list]:
    root = tmp_path_factory.mktemp("made") / "subject"
    reports: list[Progress] = []
    truth = make_synthetic(root, SECONDS, SIZE, 1, ("mel",), reports.append)
    return load_subject(root), truth, reports


def test_the_folder_loads_whole(made: tuple) -> None:
    subject, truth, reports = made
    assert (len(subject.train), len(subject.val)) == (50, 5)
    assert [(p.done, p.total) for p in reports] == [(i + 1, 55) for i in range(55)]
    assert subject.info.n_frames == 55
    assert subject.info.feature_kinds == ("mel",)
    assert subject.features("mel").shape[0] == 55
    assert [f.img_id for f in subject.train + subject.val] == list(range(55))
    assert subject.K[0, 0] == truth.focal
    for ref in subject.train[::20] + subject.val[:1]:
        frame = subject.frame(ref)
        assert frame.image.shape == (SIZE, SIZE, 3)
        np.testing.assert_allclose(frame.landmarks, truth.landmarks[ref.img_id], atol=1e-3)
        np.testing.assert_allclose(ref.viewmat, truth.viewmats[ref.img_id], atol=1e-9)
        np.testing.assert_allclose(subject.blink(ref), truth.blink[ref.img_id], atol=1e-6)
        brow, gaze = truth.scene.faces[ref.img_id, [BROW]], truth.scene.faces[ref.img_id, -2:]
        told = [*np.repeat(brow, 3), *truth.blink[ref.img_id], 0, *gaze]
        np.testing.assert_allclose(subject.expression(ref), told, atol=1e-6)
        off = np.abs(frame.image.astype(int) - subject.plate(ref))[~frame.head]
        assert np.median(off) <= 3, "away from the head a frame is its plate, but for JPEG"


def test_the_truth_lies_beside_it(made: tuple) -> None:
    subject, truth, _ = made
    stored = load_file(subject.paths.root / "truth.safetensors")
    np.testing.assert_array_equal(stored["aperture"], truth.sentence.aperture)
    assert stored["articulation"].shape == (55, 7)
    seen = mouth_aperture(truth.landmarks)
    np.testing.assert_allclose(seen, truth.sentence.aperture, atol=0.02)


def test_long_hair_is_written_as_hair(tmp_path: Path) -> None:
    make_synthetic(tmp_path, 0.4, 48, 2, ("mel",), long_hair=True)
    subject = load_subject(tmp_path)
    assert subject.info.source == "synthetic, seed 2, long hair"
    scene = SyntheticScene.load(tmp_path / "scene.safetensors")
    np.testing.assert_array_equal(subject.labels(subject.val[0]), scene.draw(9).labels)
    hair = np.argwhere(subject.labels(subject.val[0]) == Label.HAIR)[:, 0]
    assert hair.max() > 0.85 * 48
    still = np.broadcast_to(np.eye(4), (10, 4, 4))
    moved = scene.viewmats @ scene.body_motion @ np.linalg.inv(scene.viewmats[scene.reference])
    np.testing.assert_allclose(moved, still, atol=1e-12)


def test_a_moving_body_is_written_with_its_truth(tmp_path: Path) -> None:
    truth = make_synthetic(tmp_path, 0.8, 48, 2, ("mel",), moving_body=True)
    subject = load_subject(tmp_path)
    assert subject.info.source == "synthetic, seed 2, moving body"
    scene = SyntheticScene.load(tmp_path / "scene.safetensors")
    np.testing.assert_array_equal(scene.body_viewmats, truth.body_viewmats)
    stored = load_file(tmp_path / "scene.safetensors")
    np.testing.assert_array_equal(stored["body_motion"], truth.scene.body_motion)
    np.testing.assert_array_equal(stored["reference"], [10])
    ref = subject.val[0]
    np.testing.assert_allclose(ref.viewmat, truth.viewmats[ref.img_id], atol=1e-9)
    assert np.abs(np.diff(truth.scene.body_motion, axis=0)).max() > 1e-4
    drawn = scene.draw(ref.img_id)
    np.testing.assert_array_equal(subject.labels(ref), drawn.labels)


def test_the_same_seed_makes_the_same_subject(made: tuple, tmp_path: Path) -> None:
    subject, _, _ = made
    make_synthetic(tmp_path, SECONDS, SIZE, 1, ("mel",))
    for file in ("ori_imgs/30.jpg", "torso_imgs/30.png", "aud.wav", "truth.safetensors"):
        assert (tmp_path / file).read_bytes() == (subject.paths.root / file).read_bytes(), file


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MediaError, match="cannot be written"):
        make_synthetic(tmp_path / "taken", 0.4, 32, 0, ("mel",))


def test_truth_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "truth.safetensors").mkdir()
    with pytest.raises(MediaError, match="cannot be written"):
        make_synthetic(tmp_path, 0.4, 32, 0, ("mel",))


@pytest.mark.parametrize("file", ["subject.json", "transforms_train.json", "prepare.json"])
def test_a_recordings_subject_is_not_overwritten(tmp_path: Path, file: str) -> None:
    SubjectInfo(size=512, n_frames=9, source="me.mp4").save(tmp_path / file)
    before = (tmp_path / file).read_bytes()
    with pytest.raises(SubjectError, match="choose another folder"):
        make_synthetic(tmp_path, 0.4, 32, 0, ("mel",))
    assert [p.name for p in tmp_path.iterdir()] == [file]
    assert (tmp_path / file).read_bytes() == before


def test_made_again_it_keeps_nothing_that_was_made_of_the_earlier_images(tmp_path: Path) -> None:
    make_synthetic(tmp_path, 0.4, 32, 0, ("mel",))
    for name in ("aud_of_mine.npy", "body.npy"):
        (tmp_path / name).write_bytes(b"")
    make_synthetic(tmp_path, 0.4, 32, 1, ("mel",))
    assert sorted(p.name for p in tmp_path.glob("*.npy")) == ["aud_mel.npy", "expression.npy"]


@pytest.mark.parametrize(
    "wrong", [{"seconds": s} for s in (0.3, np.nan, np.inf)] + [{"size": 31}, {"seed": -1}]
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, wrong: dict) -> None:
    numbers = {"seconds": 0.4, "size": 32, "seed": 0} | wrong
    with pytest.raises(SubjectError, match=f"^{next(iter(wrong))}=.* or more"):
        make_synthetic(tmp_path, kinds=("mel",), **numbers)


@pytest.mark.parametrize("n", [29, 57])
def test_rounding_takes_no_frame_away(n: int) -> None:
    assert int(n / 25 * 25) < n
    assert len(make_synthetic_sentence(n / 25, 0).aperture) == n


def test_a_subject_left_half_made_does_not_load(tmp_path: Path) -> None:
    make_synthetic(tmp_path, 0.6, 32, 0, ("mel",))
    load_subject(tmp_path)

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_synthetic(tmp_path, 0.6, 32, 1, ("mel",), stop)
    with pytest.raises(SubjectError):
        load_subject(tmp_path)


def test_sound_foretells_the_mouth_on_sentences_never_heard() -> None:
    """Ridge regression from log-mel windows: what a head can at least learn of the mouth."""
    heard, new = make_synthetic_sentence(18.0, 0, held_out=False), make_synthetic_sentence(15.0, 9)
    x, unseen = (compute_features(s.waveform, "mel") for s in (heard, new))
    x, unseen = x.reshape(len(x), -1), unseen.reshape(len(unseen), -1)
    middle, spread = x.mean(0), x.std(0) + 1e-3
    x, unseen = (x - middle) / spread, (unseen - middle) / spread
    target = heard.aperture - heard.aperture.mean()
    dual = np.linalg.solve(x @ x.T + 300.0 * np.eye(len(x)), target)
    foretold = unseen @ (x.T @ dual)
    assert np.corrcoef(foretold, new.aperture)[0, 1] > 0.85
