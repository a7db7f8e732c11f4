from dataclasses import replace
from functools import partial

import pytest
import torch

from audioplane.errors import SpeechError
from audioplane.head import Head
from audioplane.speech import Speech, compute_features
from audioplane.synthetic import make_synthetic_sentence
from audioplane.web import student
from audioplane.web.export import export_web
from audioplane.web.head_bin import read_head_bin

KIND = "phones+mel"


@pytest.fixture(autouse=True)
def three_speeds(monkeypatch):
    """Phones take most of these tests' time."""
    monkeypatch.setattr(student, "RATES", (1.0, 0.9, 1.12))


@pytest.fixture(scope="module")
def speech():
    return Speech(make_synthetic_sentence(9.0, seed=1).waveform).opening(6 * 16000)


@pytest.fixture(scope="module")
def teacher(exported, speech):
    """A head whose random encoder also gets phones, first, and does not listen to them."""
    shape = replace(exported.run.head.shape, feature_dim=120)
    head = Head(shape, torch.Generator().manual_seed(0))
    kept = {k: v for k, v in exported.run.head.state_dict().items() if "encoder" not in k}
    head.load_state_dict(kept, strict=False)
    head.encoder.net.convolutions[0].weight.data[:, :40] = 0
    head.encoder.calibrate(torch.from_numpy(compute_features(speech, KIND)))
    return head.requires_grad_(False).eval()


def test_it_learns_from_mel_bands_what_the_head_hears(teacher, speech):
    heard = student.example(teacher, KIND, speech.opening(5 * 16000))

    def agreement(epochs: int) -> float:
        taught = student.teach(teacher, KIND, speech, epochs=epochs).encoder
        both = torch.stack([taught(heard.windows, heard.spoken).flatten(), heard.target.flatten()])
        return float(torch.corrcoef(both)[0, 1])

    assert agreement(1) < 0.45 < 0.55 < agreement(30)


def test_a_faster_sound_is_shorter_and_higher():
    tone = torch.sin(torch.arange(16000) * (2 * torch.pi * 500 / 16000)).numpy()
    fast = student.at_rate(Speech(tone), 2.0)
    (sound,) = fast.cut([(0, 4096)])
    assert fast.samples == 8000
    peak = torch.fft.rfft(torch.from_numpy(sound)).abs().argmax()
    assert float(peak) * 16000 / 4096 == pytest.approx(1000, abs=4)


def test_an_exported_head_that_hears_phones_hears_mel_bands(
    exported, teacher, tmp_path, monkeypatch
):
    monkeypatch.setattr("audioplane.web.export.teach", partial(student.teach, epochs=1))
    run = replace(exported.run, head=teacher, speech=KIND)
    made = export_web(run, tmp_path / "site")
    arrays = read_head_bin(made.path / "head.bin")[1]
    assert arrays["net.convolutions.0"].shape[1] == 80
    assert "mel bands" in made.notes[0]


def test_too_little_speech_is_refused(teacher):
    with pytest.raises(SpeechError, match="too little"):
        student.teach(teacher, KIND, Speech(make_synthetic_sentence(1.0, seed=1).waveform[:16000]))
