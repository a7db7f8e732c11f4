"""A mouth that comes to rest where nobody speaks."""

import numpy as np
import pytest
import torch

from audioplane.clock import FRAME_SAMPLES
from audioplane.drive import Talker, stream
from audioplane.drive.rest import eased, eased_codes
from audioplane.drive.stream import LiveHead
from audioplane.errors import SpeechError
from audioplane.run import open_run
from audioplane.speech import Speech, recogniser
from audioplane.synthetic import make_synthetic_sentence
from tests.run.made import make_run


@pytest.fixture(scope="module")
def run(spoken_subject, tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("runs") / "me", spoken_subject)
    return open_run(folder, spoken_subject.paths.root)


def test_shares_of_codes():
    code, rest = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0])
    assert eased(code, 1.0, rest) is code
    assert eased(code, 0.25, rest).tolist() == [0.25, 3.5]
    given = list(eased_codes([code, code], [0.0, 1.0], rest))
    assert given[0].tolist() == rest.tolist() and given[1].tolist() == code.tolist()


def test_after_speech_the_codes_are_those_of_rest_in_a_file_and_live(run):
    pytest.importorskip("hama")
    rng = np.random.default_rng(0)
    said = make_synthetic_sentence(3.0, seed=3).waveform
    end = Speech(said).active_frames().nonzero()[0][-1] + 1
    sound = 0.005 * rng.standard_normal(3 * 16000 + end * FRAME_SAMPLES).astype(np.float32)
    sound[: end * FRAME_SAMPLES] += said[: end * FRAME_SAMPLES]
    talker = Talker(run)
    codes = talker.codes(Speech(sound))
    live = LiveHead(talker.animator, run.speech, run.voice, 3840, talker.rest)
    frames = [*live.push(sound), *live.finish()]
    streamed = torch.stack([frame.code for frame in frames])
    for found in (codes, streamed):
        assert torch.equal(found[end + 5 :], run.rest.expand_as(found[end + 5 :]))
        assert (found[end // 3 : end // 2] != run.rest).any(1).all()
    at_once = np.stack([code.numpy() for code in talker._heard(Speech(sound)).codes])
    np.testing.assert_allclose(at_once, codes.numpy(), atol=1e-5)


def test_no_rest_is_asked_of_a_head_that_has_none(run, monkeypatch):
    monkeypatch.setattr(stream, "LiveGate", None)  # is not made
    live = LiveHead(Talker(run).animator, run.speech, run.voice)
    assert live.push(np.zeros(16000, np.float32))
    assert Talker(run, articulation=0.0).rest is None


def test_without_the_recogniser_a_note_says_so(run, monkeypatch):
    def absent():
        raise SpeechError("pip install hama")

    monkeypatch.setattr(recogniser, "open_recogniser", absent)
    talker = Talker(run)
    assert talker.rest is None
    assert "no rest in pauses: pip install hama" in talker.notes
    assert len(talker.codes(Speech(np.zeros(16000, np.float32)))) == 25
