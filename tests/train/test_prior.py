"""The file of a prior, and trainings that start from one."""

import dataclasses

import pytest
import torch

from audioplane import api
from audioplane.errors import CheckpointError, TrainingError
from audioplane.head import Head, HeadShape
from audioplane.run import RunPaths, read_head, save_tensors
from audioplane.train.config import PRESETS, SYNTHETIC
from audioplane.train.optim import Optimisers
from audioplane.train.prior import (
    Prior,
    audio_state,
    read_prior,
    started_from,
    synthetic_prior,
    write_prior,
)
from audioplane.train.run import train_head
from audioplane.train.trainer import Trainer
from tests.train.configs import TINY

SHAPE = HeadShape(feature_dim=6, scales=(1, 2), grid_size=4)


def prior_of(shape=SHAPE, seed=7, speech="mel") -> Prior:
    head = Head(shape, torch.Generator().manual_seed(seed))
    return Prior(audio_state(head), speech, shape, ("a", "b"), ("me", ""), 30, {"mac": 0.5})


def written(path, **changes) -> Prior:
    write_prior(path, dataclasses.replace(prior_of(), **changes))
    return read_prior(path)


def test_a_file_holds_the_audios_networks_and_nothing_of_a_face(tmp_path):
    prior = written(tmp_path / "prior.safetensors")
    assert {name.split(".")[0] for name in prior.tensors} == {"encoder", "prototypes"}
    assert prior == dataclasses.replace(prior_of(), tensors=prior.tensors, sha256=prior.sha256)
    assert len(prior.sha256) == 64
    assert all(torch.equal(v, prior.tensors[k]) for k, v in prior_of().tensors.items())


@pytest.mark.parametrize("what", ["missing", "cut", "head", "shape", "facts"])
def test_a_bad_file_is_refused(tmp_path, what):
    path = tmp_path / "prior.safetensors"
    if what != "missing":
        written(path)
    if what == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    if what == "head":
        save_tensors(path, {"head/x": torch.zeros(1)}, {"speech": "mel"})
    if what == "shape":
        write_prior(path, dataclasses.replace(prior_of(), shape=HeadShape(feature_dim=7)))
    if what == "facts":
        save_tensors(path, prior_of().tensors, {"holds": "prior", "speech": "mel"})
    with pytest.raises(CheckpointError, match="prior"):
        read_prior(path)


def test_a_head_takes_the_networks_and_keeps_the_rest():
    head = Head(SHAPE, torch.Generator().manual_seed(1))
    before, prior = {k: v.clone() for k, v in head.state_dict().items()}, prior_of()
    prior.put_into(head, "mel")
    for name, value in head.state_dict().items():
        assert torch.equal(value, prior.tensors.get(name, before[name]))


def test_a_head_of_another_kind_or_shape_is_refused():
    head = Head(SHAPE, torch.Generator().manual_seed(1))
    with pytest.raises(TrainingError, match="features 'mel', this training has 'mel\\+ipa'"):
        prior_of().put_into(head, "mel+ipa")
    other = dataclasses.replace(SHAPE, scales=(1,))
    with pytest.raises(TrainingError, match="scales=\\(1, 2\\), this training \\(1,\\)"):
        prior_of().put_into(Head(other, torch.Generator()), "mel")


def test_settings_that_name_another_prior_are_refused(tmp_path):
    prior = written(tmp_path / "prior.safetensors")
    assert started_from(TINY, prior) == (TINY.with_changes(prior=prior.sha256), prior)
    assert started_from(TINY, None) == (TINY, None)
    other, same = (TINY.with_changes(prior=digest) for digest in ("0" * 64, prior.sha256))
    for config, given in ((other, prior), (same, None)):
        with pytest.raises(TrainingError, match=r"config\.prior"):
            started_from(config, given)


def test_the_shipped_prior_is_of_nobody_and_fits_the_preset():
    prior, laptop = synthetic_prior(), PRESETS["laptop"]
    assert prior.people == tuple(f"synthetic speaker {i}" for i in range(20))
    assert set(prior.consents) == {"drawn; no person"} and prior.iterations == 4000
    assert not prior.misfit(laptop.model.shape(143, 50, 8), laptop.speech)
    config, started = started_from(laptop, None)
    assert started is prior and config == laptop.with_changes(prior=prior.sha256)
    # As a run of it says when it goes on.
    assert started_from(config, None) == (config, prior)


@pytest.mark.parametrize("preset", ["demo", "paper"])
def test_other_presets_start_from_nothing(preset):
    assert started_from(PRESETS[preset], None) == (PRESETS[preset], None)


@pytest.mark.parametrize(
    "other", [{"speech": "mel"}, {"model": {"scales": (1,)}}, {"model": {"attention": "mlp"}}]
)
def test_what_the_shipped_prior_does_not_fit_starts_from_nothing(other):
    config = PRESETS["laptop"].with_changes(**other)
    assert started_from(config, None) == (config.with_changes(prior=""), None)


def test_a_prior_of_ones_own_comes_before_the_shipped_one(tmp_path):
    prior = written(tmp_path / "prior.safetensors")
    config, started = started_from(TINY.with_changes(prior=SYNTHETIC), prior)
    assert started is prior and config.prior == prior.sha256


@pytest.mark.parametrize(("prior", "moved"), [(False, 1.0), (True, 0.3)])
def test_what_starts_from_a_prior_moves_more_slowly(prior, moved):
    head = Head(SHAPE, torch.Generator().manual_seed(1))
    reader = torch.nn.Linear(head.representation_dim, 8)
    optimisers = Optimisers(head, reader, TINY.rates, 1.0, (0, 10), prior)
    assert head.prototypes is not None
    followed = [
        next(m.parameters()) for m in (head.encoder, head.prototypes, head.expression, reader)
    ]
    before = [p.detach().clone() for p in followed]
    for parameter in (*head.parameters(), *reader.parameters()):
        parameter.grad = torch.ones_like(parameter)
    optimisers.step(0, fine=True)
    steps = [(p.detach() - b).abs().max().item() for p, b in zip(followed, before, strict=True)]
    r, fresh = TINY.rates, 3.0 if prior else 1.0
    wanted = [moved * r.audio, moved * r.networks, r.networks, fresh * r.networks]
    assert steps == pytest.approx(wanted, rel=1e-2)


def test_a_training_starts_from_it_and_keeps_its_digest(spoken_subject, tmp_path):
    shape = Trainer(spoken_subject, TINY).head.shape
    write_prior(tmp_path / "p", prior_of(shape))
    prior = read_prior(tmp_path / "p")
    started = Trainer(spoken_subject, TINY, prior=prior).head.state_dict()
    assert all(torch.equal(started[k], v) for k, v in prior.tensors.items())
    short = TINY.with_changes(coarse_iterations=2, fine_iterations=3, checkpoint_every=3)
    list(train_head(spoken_subject, short, tmp_path / "run", prior=prior))
    head = read_head(RunPaths(tmp_path / "run").head)
    assert head.settings["prior"] == prior.sha256
    with pytest.raises(TrainingError, match="other settings"):
        list(train_head(spoken_subject, short, tmp_path / "run"))


def test_none_starts_from_nothing_in_python_too(spoken_subject, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(
        "audioplane.api.train", lambda _, c, *__, **___: iter(taken.append(c) or ())
    )
    monkeypatch.setitem(PRESETS, "laptop", TINY.with_changes(prior="synthetic"))
    api.train_head(spoken_subject, tmp_path, prior="none")
    assert [config.prior for config in taken] == [""]
