"""Subjects of prior work load and train as they are."""

from dataclasses import replace

import numpy as np
import pytest

from audioplane.subject import load_subject
from audioplane.train import Progress
from audioplane.train.run import train_head
from tests.subject.prior_work import LOST, MAKERS, PriorFolder
from tests.train.configs import TINY


@pytest.fixture(scope="module", params=list(MAKERS))
def folder(request, spoken_subject, tmp_path_factory) -> PriorFolder:
    return MAKERS[request.param](spoken_subject, tmp_path_factory.mktemp("prior") / "s")


def test_every_pose_lies_beside_its_own_image(folder, spoken_subject):
    subject = load_subject(folder.root)
    refs = [*subject.train, *subject.val]
    assert [ref.img_id for ref in refs] == [i for i in range(55) if i != LOST]
    assert len(subject.train) == 54 * 10 // 11
    for ref in refs:
        np.testing.assert_allclose(ref.viewmat, folder.viewmats[ref.img_id], atol=1e-5)
        assert ref.aud_id == ref.img_id
    np.testing.assert_allclose(subject.K, spoken_subject.K, rtol=1e-6)


def test_images_are_those_of_the_subject(folder, spoken_subject):
    subject = load_subject(folder.root)
    mine = {ref.img_id: ref for ref in spoken_subject.train}
    ref = subject.train[20]
    frame, true = subject.frame(ref), spoken_subject.frame(mine[ref.img_id])
    np.testing.assert_array_equal(frame.image, true.image)
    np.testing.assert_array_equal(frame.head, true.head)
    difference = np.abs(subject.plate(ref).astype(int) - spoken_subject.plate(mine[ref.img_id]))
    assert difference[~true.head].mean() < 3


def test_features_and_blinks_are_found(folder):
    subject = load_subject(folder.root)
    assert folder.kind in subject.kinds()
    features = subject.features(folder.kind)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, folder.features, atol=1e-6)
    closed = np.array([subject.blink(ref) for ref in subject.train])
    has_table = (folder.root / "au.csv").exists()
    expected = [ref.img_id / 54 if has_table else 0 for ref in subject.train]
    np.testing.assert_allclose(closed, np.array(expected)[:, None].repeat(2, 1), atol=0.006)


def test_it_trains_without_conversion(folder, tmp_path):
    if (folder.root / "data_kf.json").exists():
        pytest.skip("but for its poses the same as ER-NeRF's")
    plan = replace(
        TINY,
        speech=folder.kind,
        coarse_iterations=10,
        fine_iterations=10,
        half_size_iterations=0,
        validate_every=20,
    )
    before = {p: p.stat().st_mtime_ns for p in folder.root.rglob("*")}
    events = list(train_head(load_subject(folder.root), plan, tmp_path / "run"))
    last = [e for e in events if isinstance(e, Progress)][-1]
    assert last.iteration == 20 and np.isfinite(last.loss) and last.loss > 0
    assert (tmp_path / "run" / "head.safetensors").exists()
    assert {p: p.stat().st_mtime_ns for p in folder.root.rglob("*")} == before
