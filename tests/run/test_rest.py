from dataclasses import replace

import pytest
import torch

from audioplane.errors import SubjectError
from audioplane.face.regions import mouth_aperture
from audioplane.run import open_run, pack, read_head, write_head
from audioplane.run.opening import Mouths
from audioplane.run.rest import rest_code
from tests.run.made import make_run


@pytest.fixture(scope="module")
def run(spoken_subject, tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("runs") / "me", spoken_subject)
    return open_run(folder, spoken_subject.paths.root)


def test_it_is_the_mean_code_of_the_most_closed_lips():
    codes = torch.arange(40.0)[:, None].expand(40, 3)
    apertures = torch.full((40,), 0.1)
    apertures[[7, 21]] = 0.01
    assert rest_code(Mouths(codes, apertures)).tolist() == [14.0] * 3
    assert rest_code(Mouths(codes[:5], apertures[:5])).tolist() == [0.0] * 3


def test_an_older_head_takes_it_from_its_subject(run, spoken_subject):
    assert run.rest_code is None
    features = torch.from_numpy(spoken_subject.features(run.speech))
    codes = run.head.audio_codes(features)
    apertures = [float(mouth_aperture(spoken_subject.landmarks(r))) for r in spoken_subject.train]
    closed = sorted(range(len(apertures)), key=apertures.__getitem__)
    closed = closed[: max(1, len(closed) // 20)]
    rows = [min(spoken_subject.train[i].aud_id, len(codes) - 1) for i in closed]
    torch.testing.assert_close(run.mean_rest, codes[rows].mean(0))


def test_its_lips_are_as_closed_as_nearly_any_recorded(run):
    law, shut = run.opening, run.mean_rest
    assert law.of(shut[None]) < law.low and torch.equal(run.rest, shut)
    parted = replace(run, rest_code=shut + 2 * law.move)
    assert law.of(parted.rest[None]).item() == pytest.approx(law.low, abs=1e-4)
    torch.testing.assert_close(parted.rest, shut + (law.low - law.of(shut[None])) * law.move)
    lawless = replace(parted, lip_opening=None, subject_folder=None)
    assert torch.equal(lawless.rest, parted.rest_code)


def test_without_a_subject_an_older_head_has_none(run, tmp_path):
    lost = replace(run, subject_folder=tmp_path / "nowhere")
    with pytest.raises(SubjectError):
        _ = lost.subject
    assert lost.mean_rest is None and lost.rest is None


def test_packs_and_head_files_keep_it(run, tmp_path):
    packed = open_run(pack(run, tmp_path / "me"))
    assert torch.equal(packed.rest, run.rest)
    write_head(tmp_path / "head.safetensors", replace(run, rest_code=run.mean_rest))
    assert torch.equal(read_head(tmp_path / "head.safetensors").rest_code, run.mean_rest)
