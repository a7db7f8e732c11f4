from dataclasses import replace

import pytest
import torch

from audioplane.face.regions import mouth_aperture
from audioplane.run import open_run, pack, read_head, write_head
from audioplane.run.opening import Mouths, lip_opening
from tests.run.made import make_run


@pytest.fixture(scope="module")
def run(spoken_subject, tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("runs") / "me", spoken_subject)
    return open_run(folder, spoken_subject.paths.root)


def test_it_finds_how_much_of_the_opening_codes_tell_and_where_it_lies():
    generator = torch.Generator().manual_seed(0)
    told, untold, other = torch.randn(3, 4000, generator=generator)
    apertures = 0.1 + 0.02 * (0.8 * told + 0.6 * untold)
    along, aside = torch.tensor([0.0, 3.0, 4.0]), torch.tensor([1.0, 0.0, 0.0])
    codes = 2 + told[:, None] * along + other[:, None] * aside
    law = lip_opening(Mouths(codes, apertures))
    assert law is not None and law.spread == pytest.approx(0.8, abs=0.02)
    torch.testing.assert_close(law.move, along / 0.8, atol=0.1, rtol=0)
    opened = law.of(codes + law.move) - law.of(codes)
    torch.testing.assert_close(opened, torch.ones(4000), atol=1e-3, rtol=0)
    assert law.of(codes).mean().abs() < 1e-3
    assert law.low == pytest.approx(-2.05, abs=0.15) and law.high == pytest.approx(2.05, abs=0.15)


def test_how_far_codes_part_the_lips_is_told_by_unheard_speech_too():
    told = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    codes, apertures = told[:, None], 0.1 + 0.02 * told

    def spread(frames: int, said: float, opened: float = 1.0) -> float:
        some = told[:frames]
        law = lip_opening(
            Mouths(codes, apertures), Mouths(said * some[:, None], 0.1 + 0.02 * opened * some)
        )
        assert law is not None
        return law.spread

    assert spread(4000, 0.5) == pytest.approx(0.5, abs=0.02)
    assert 0.6 < spread(50, 0.5) < 0.85  # as much as all training frames
    assert 0.6 < spread(4000, 0.1, opened=0.2) < 0.7  # a quiet stretch tells less
    assert spread(1, 0.5) == pytest.approx(1.0, abs=0.02)  # one frame tells no deviation


def test_codes_that_never_move_have_none():
    assert lip_opening(Mouths(torch.ones(40, 3), torch.linspace(0, 0.2, 40))) is None
    assert lip_opening(Mouths(torch.randn(40, 3), torch.full((40,), 0.1))) is None


def test_an_older_head_takes_it_from_its_subject(run, spoken_subject):
    assert run.lip_opening is None
    codes = run.head.audio_codes(torch.from_numpy(spoken_subject.features(run.speech)))
    rows = [min(ref.aud_id, len(codes) - 1) for ref in spoken_subject.train]
    apertures = [float(mouth_aperture(spoken_subject.landmarks(r))) for r in spoken_subject.train]
    law = lip_opening(Mouths(codes[rows], torch.tensor(apertures, dtype=torch.float64)))
    assert law is not None
    torch.testing.assert_close(run.opening.read, law.read)
    assert run.opening.spread == pytest.approx(law.spread)


def test_without_a_subject_an_older_head_has_none(run, tmp_path):
    assert replace(run, subject_folder=tmp_path / "nowhere").opening is None


def test_packs_and_head_files_keep_it(run, tmp_path):
    write_head(tmp_path / "head.safetensors", replace(run, lip_opening=run.opening))
    for kept in (
        open_run(pack(run, tmp_path / "me")).opening,
        read_head(tmp_path / "head.safetensors").lip_opening,
    ):
        assert kept is not None
        assert torch.equal(kept.read, run.opening.read)
        assert torch.equal(kept.move, run.opening.move)
        for name in ("offset", "spread", "low", "high"):
            assert getattr(kept, name) == pytest.approx(getattr(run.opening, name))
