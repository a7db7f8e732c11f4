import gc
import inspect
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audioplane.credentials import ProvenanceOptions
from audioplane.drive import Animator, Talker
from audioplane.drive.moment import Moment
from audioplane.drive.stream import LiveHead
from audioplane.errors import SpeechError
from audioplane.experiments.stress.stimuli import music, noise, shout
from audioplane.run import open_run
from audioplane.speech import Speech
from audioplane.speech.familiarity import Familiarity
from audioplane.synthetic import make_synthetic_sentence
from tests.run.made import make_run


@pytest.fixture(scope="module")
def run_folder(spoken_subject, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "me", spoken_subject)


def test_sounds_unlike_the_training_speech_are_warned_of(run_folder, spoken_subject):
    run = open_run(run_folder, spoken_subject.paths.root)
    known = Familiarity.learn(Speech(make_synthetic_sentence(8.0, seed=1).waveform))
    talker, unknowing = (Talker(replace(run, familiarity=f)) for f in (known, None))
    (warning,) = talker.warnings(Speech(music(3.0)), "song.mp3")
    assert "song.mp3 is unlike the speech" in warning and "music" in warning
    talk = make_synthetic_sentence(3.0, seed=2).waveform
    assert not talker.warnings(Speech(talk), "talk.wav")
    assert unknowing.strangeness(Speech(music(3.0))) is None
    assert not talker.warnings(Speech(np.zeros(48000, np.float32)), "silence.wav")
    assert "wind.wav is unlike" in talker.warnings(Speech(noise(3.0)), "wind.wav")[0]
    assert "shout.wav" in talker.warnings(Speech(shout(talk)), "shout.wav")[0]


def test_what_open_is_asked_for_reaches_the_talker(run_folder, spoken_subject, monkeypatch):
    asked = {"articulation": 0.5, "seed": 3, "background": "green"}
    names = list(inspect.signature(Talker.__init__).parameters)[2:]
    given = []
    monkeypatch.setattr(Talker, "__init__", lambda self, run, *args: given.extend(args))
    Talker.open(run_folder, subject=spoken_subject.paths.root, device="cpu", **asked)
    reached = dict(zip(names, given, strict=True))
    assert {name: reached[name] for name in asked} == asked


def test_a_talker_draws_the_same_without_planes_and_leaves_its_run_as_it_is(
    run_folder, spoken_subject
):
    run = open_run(run_folder, spoken_subject.paths.root)
    before = {name: x.clone() for name, x in run.head.state_dict().items()}
    talker = Talker(run)
    whole = Animator(run.head, run.footage, run.views)
    assert run.head.folded is None and "grid.planes" not in talker.run.head.state_dict()
    assert all(torch.equal(x, before.pop(name)) for name, x in run.head.state_dict().items())
    assert not before
    code, ref = whole.codes(spoken_subject.features(run.speech)[:9])[8], spoken_subject.train[3]
    plate = whole.plate(Moment(ref))
    images = [animator.draw(code, ref, plate).image for animator in (talker.animator, whole)]
    assert np.array_equal(*images)
    planes = weakref.ref(run.head.grid)
    del run, whole, images
    gc.collect()
    assert planes() is None


def test_talkers_of_one_run_have_their_own_articulation(run_folder, spoken_subject):
    run = open_run(run_folder, spoken_subject.paths.root)
    voice = make_synthetic_sentence(2.0, seed=3).waveform
    still, usual = Talker(run, articulation=0.0), Talker(run)
    for talker, moves in ((still, False), (usual, True), (still, False)):
        at_once = talker.codes(Speech(voice))
        chunks = np.stack([code.numpy() for code in talker._heard(voice).codes])
        live = LiveHead(talker.animator, run.speech, run.voice)
        streamed = np.stack([frame.code.numpy() for frame in (*live.push(voice), *live.finish())])
        for codes in (at_once.numpy(), chunks, streamed):
            assert (np.ptp(codes, axis=0).max() > 1e-3) == moves


def test_a_stream_takes_what_is_pushed_though_nobody_looks_at_its_frames(
    run_folder, spoken_subject
):
    voice = make_synthetic_sentence(2.0, seed=3).waveform[:32000]
    run = open_run(run_folder, spoken_subject.paths.root)
    talker = Talker(run, provenance=ProvenanceOptions(mark=False))  # each stream has its own mark
    whole, left_out = talker.stream(), talker.stream()
    images = [*whole.push(voice), *whole.finish()]
    left_out.push(voice[:16000])
    with pytest.raises(SpeechError, match="finite"):
        left_out.push(np.full(700, np.nan, np.float32))
    last = [*left_out.push(voice[16000:]), *left_out.finish()]
    assert 0 < len(last) < len(images) == 50
    assert all(np.array_equal(*pair) for pair in zip(last, images[-len(last) :], strict=True))


def test_a_stream_that_is_finished_takes_no_more(run_folder, spoken_subject):
    stream = Talker(open_run(run_folder, spoken_subject.paths.root)).stream()
    stream.push(np.zeros(16000, np.float32))
    assert len(list(stream.finish())) > 0
    assert list(stream.finish()) == []
    with pytest.raises(SpeechError, match="this stream is finished: open another"):
        stream.push(np.zeros(640, np.float32))


def test_features_as_an_array_are_those_of_a_file(run_folder, spoken_subject, tmp_path):
    talker = Talker(open_run(run_folder, spoken_subject.paths.root))
    features = spoken_subject.features("mel")[:3]
    np.save(tmp_path / "a.npy", features)
    told = [talker._heard(x) for x in (tmp_path / "a.npy", features.astype(float), features[::-1])]
    codes = [torch.stack(list(heard.codes)) for heard in told]
    assert torch.equal(codes[0], codes[1]) and not torch.equal(codes[0], codes[2])
    for wrong in (features[:0], features * np.nan, features * np.float32(1e30)):
        with pytest.raises(SpeechError, match="the array of features"):
            talker._heard(wrong)
    with pytest.raises(SpeechError, match="windows of 2 steps, 'mel' has 16"):
        talker._heard(features[:, :2])


def test_a_path_may_name_transparency(run_folder, spoken_subject):
    run = open_run(run_folder, spoken_subject.paths.root)
    assert Talker(run, background=Path("transparent")).animator.transparent


@pytest.mark.parametrize("look_ahead", [-0.1, float("nan"), float("inf")])
def test_a_look_ahead_is_a_time(run_folder, spoken_subject, look_ahead):
    talker = Talker.open(run_folder, subject=spoken_subject.paths.root, device="cpu")
    with pytest.raises(SpeechError, match="look_ahead="):
        talker.stream(look_ahead)


@pytest.mark.parametrize("asked", [{"articulation": float("nan")}, {"seed": -1}])
def test_what_no_talker_can_do_is_refused(run_folder, spoken_subject, asked):
    (name,) = asked
    with pytest.raises(SpeechError, match=f"{name}="):
        Talker(open_run(run_folder, spoken_subject.paths.root), **asked)
