from dataclasses import replace

import numpy as np
import pytest
import torch

from audioplane.drive import Talker
from audioplane.drive.opening import Articulation, OpeningGain
from audioplane.drive.stream import LiveHead
from audioplane.run import open_run
from audioplane.run.opening import LipOpening
from audioplane.speech import Speech
from audioplane.synthetic import make_synthetic_sentence
from tests.run.made import make_run

LAW = LipOpening(torch.tensor([0.5, 0.0]), 1.0, torch.tensor([2.0, 1.0]), 0.8, -9.0, 9.0)
"""Openings are half of the first number less 1."""


def voice(deviation: float, frames: int = 3000) -> torch.Tensor:
    told = 0.1 + deviation * torch.randn(frames, generator=torch.Generator().manual_seed(0))
    return torch.stack([2 * (told + 1), torch.zeros(frames)], 1)


@pytest.mark.parametrize("deviation", [0.75, 0.9])
def test_a_voice_opens_the_lips_as_far_as_the_person_did(deviation):
    gain, codes = OpeningGain(LAW), voice(deviation)
    gain.update(codes)
    opened = LAW.of(gain.applied(codes))
    assert opened.std() == pytest.approx(1.25, abs=0.02) and abs(opened.mean() - 0.1) < 0.05
    moved = gain.applied(codes) - codes
    torch.testing.assert_close(moved[:, 0], 2 * moved[:, 1])


def test_they_are_not_held_back_nor_opened_further_than_recorded():
    gain, wide = OpeningGain(LAW), voice(1.5)
    gain.update(wide)
    torch.testing.assert_close(gain.applied(wide), wide)
    gain, faint = OpeningGain(LAW), voice(0.1)
    gain.update(faint)
    spread = LAW.of(gain.applied(faint)).std() / LAW.of(faint).std()
    assert spread == pytest.approx(1.8, abs=1e-3)
    gain = OpeningGain(replace(LAW, low=-1.0, high=1.0))
    opened, told = LAW.of(gain.applied(wide)), LAW.of(wide)
    inside = told.abs() <= 1
    torch.testing.assert_close(opened[~inside], told[~inside])
    assert opened[inside].abs().max() == pytest.approx(1)
    assert (opened.abs() >= told.abs() - 1e-6).all()


def test_it_begins_with_the_training_and_moves_to_the_voice():
    codes, one = voice(0.75), torch.tensor([[4.0, 0.0]])
    gain, found = OpeningGain(LAW), []
    for frames in codes.split([0, 25, 100, 2875]):
        gain.update(frames)
        found.append(LAW.of(gain.applied(one)).item())
    assert found[0] == pytest.approx(1.25 / 0.8)
    later = OpeningGain(LAW)
    later.update(codes)
    assert abs(found[-1] - LAW.of(later.applied(one)).item()) < 0.02


def test_chunks_of_any_length_give_the_codes_of_the_whole():
    codes, spoken = voice(0.7, 300), torch.arange(300) % 3 > 0
    whole = OpeningGain(LAW)
    whole.update(codes[spoken])
    for size in (300, 37):
        parts = torch.cat(list(Articulation(opening=LAW).gain().chunks(codes.split(size), spoken)))
        torch.testing.assert_close(parts, whole.applied(codes))
    own = torch.cat(list(OpeningGain(LAW).chunks([codes])))  # the training's own voice
    torch.testing.assert_close(own, OpeningGain(LAW).applied(codes))
    assert next(OpeningGain(None).chunks([codes], spoken)) is codes


def test_talkers_open_files_and_live_speech_further(spoken_subject, tmp_path):
    run = open_run(make_run(tmp_path / "me", spoken_subject), spoken_subject.paths.root)
    law = run.opening
    assert law is not None
    few = (law.read / 9, law.offset / 9, law.move * 9, law.spread / 9, -9.0, 9.0)
    law = LipOpening(*few)  # its codes hardly open the lips
    run = replace(run, lip_opening=law)
    sound = make_synthetic_sentence(8.0, seed=3).waveform.astype(np.float32)
    spoken = Speech(sound).spoken_frames()
    plain, talker = Talker(run), Talker(run)
    plain.animator._articulation = Articulation()
    for codes in (_in_a_file, _live):
        ratio = (
            law.of(codes(talker, sound))[spoken].std() / law.of(codes(plain, sound))[spoken].std()
        )
        assert ratio == pytest.approx(1.8, abs=0.05)
    still = _in_a_file(Talker(run, articulation=0.0), sound)
    assert still.std(0).max() < 1e-5


def _in_a_file(talker: Talker, sound: np.ndarray) -> torch.Tensor:
    speech = Speech(sound)
    return talker.animator.codes(talker.features(speech), speech.spoken_frames())


def _live(talker: Talker, sound: np.ndarray) -> torch.Tensor:
    live = LiveHead(talker.animator, talker.run.speech, talker.run.voice)
    return torch.stack([frame.code for frame in (*live.push(sound), *live.finish())])
