import dataclasses
import shutil
import threading

import numpy as np
import pytest
import torch

from audioplane.errors import CheckpointError, SubjectError, TrainingError
from audioplane.head import Head, HeadShape
from audioplane.subject import load_subject
from audioplane.train import PriorConfig, prior_training, read_prior, train_prior
from audioplane.train.config import ModelConfig
from audioplane.train.lips import upright_mouths
from audioplane.train.prior_training import PriorProgress, PriorWritten, score_unseen

SHORT = PriorConfig(
    speech="mel", iterations=20, model=ModelConfig(scales=(1,), grid_size=8), checkpoint_every=6
)


@pytest.fixture(scope="module")
def people(spoken_subject, tmp_path_factory):
    """The subject, and one that differs from it in nothing but its identity."""
    root = tmp_path_factory.mktemp("people") / "other"
    shutil.copytree(spoken_subject.paths.root, root)
    poses = root / "transforms_train.json"
    poses.write_text(poses.read_text() + "\n")
    return [spoken_subject, load_subject(root)]


def ended(people, out, config=SHORT, **options) -> PriorWritten:
    *_, last = train_prior(people, out, config, **options)
    assert isinstance(last, PriorWritten)
    return last


def test_everybody_is_learnt_from_and_told(people, tmp_path):
    events = list(train_prior(people, tmp_path / "p", SHORT))
    progress = [event for event in events if isinstance(event, PriorProgress)]
    assert [event.iteration for event in progress] == [10, 20] and progress[0].total == 20
    prior = read_prior(tmp_path / "p")
    assert prior.people == tuple(p.identity for p in people) and prior.iterations == 20
    assert prior.consents == tuple(p.info.consent for p in people) and prior.score == {}
    assert events[-1] == PriorWritten(tmp_path / "p", prior.sha256, None)
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_the_lip_loss_falls(people, tmp_path):
    quiet = dataclasses.replace(SHORT.audio, noise=0.1, offset=0.0, tilt=0.0, shift=0)
    config = dataclasses.replace(SHORT, iterations=150, audio=quiet)
    events = train_prior(people, tmp_path / "p", config)
    losses = [event.loss for event in events if isinstance(event, PriorProgress)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_stopped_training_goes_on_to_the_same_bits(people, tmp_path):
    stop = threading.Event()
    for event in train_prior(people, tmp_path / "p", SHORT, stop=stop):
        assert isinstance(event, PriorProgress)
        stop.set()
    assert (tmp_path / "p.checkpoint").exists() and not (tmp_path / "p").exists()
    assert ended(people, tmp_path / "p").sha256 == ended(people, tmp_path / "q").sha256


def test_a_checkpoint_of_others_or_a_damaged_one_is_refused(people, tmp_path):
    events = train_prior(people, tmp_path / "p", SHORT)
    next(events)
    events.close()
    other = dataclasses.replace(SHORT, seed=1)
    with pytest.raises(TrainingError, match="other people or settings"):
        ended(people, tmp_path / "p", other)
    with pytest.raises(TrainingError, match="other people or settings"):
        ended(people[:1], tmp_path / "p")
    kept = tmp_path / "p.checkpoint"
    kept.write_bytes(kept.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="damaged"):
        ended(people, tmp_path / "p")


def test_one_training_at_a_time(people, tmp_path):
    first = train_prior(people, tmp_path / "p", SHORT)
    next(first)
    with pytest.raises(TrainingError, match="another training is at work"):
        next(train_prior(people, tmp_path / "p", SHORT))
    first.close()


def test_who_cannot_be_learnt_from_is_named(people, tmp_path):
    for subjects, held_out, word in (
        ([], None, "nobody"),
        ([people[0], people[0]], None, "one subject"),
        (people, people[1], "one subject"),
    ):
        with pytest.raises(TrainingError, match=word):
            ended(subjects, tmp_path / "p", held_out=held_out)
    with pytest.raises(SubjectError, match="phones"):
        ended(people, tmp_path / "p", dataclasses.replace(SHORT, speech="phones"))
    other = dataclasses.replace(SHORT, model=ModelConfig(encoder="concat"))
    with pytest.raises(TrainingError, match=r"model\.encoder"):
        ended(people, tmp_path / "p", other)
    for name, value in (
        ("seed", 10**14),
        ("iterations", 0),
        ("checkpoint_every", 0),
        ("synthetic", -1),
    ):
        with pytest.raises(TrainingError, match=f"{name}={value}: choose"):
            ended(people, tmp_path / "p", dataclasses.replace(SHORT, **{name: value}))


def test_an_unseen_person_is_scored(people, tmp_path):
    last = ended(people[:1], tmp_path / "p", held_out=people[1])
    assert last.score is not None and last.score.mean_mouth > 0
    assert read_prior(tmp_path / "p").score == dataclasses.asdict(last.score)


def test_a_code_that_tells_the_mouth_scores_high(spoken_subject, monkeypatch):
    """Ridge regression finds the lips wherever f_a tells them linearly."""
    head = Head(HeadShape(feature_dim=80, scales=(1,), grid_size=8), torch.Generator())
    landmarks = np.stack([spoken_subject.landmarks(ref) for ref in spoken_subject.train])
    opening = (landmarks[:, [65, 66, 67], 1] - landmarks[:, [61, 62, 63], 1]).mean(1)
    rng = np.random.default_rng(0)
    told = np.zeros((spoken_subject.rows, head.representation_dim), np.float32)
    told[[ref.aud_id for ref in spoken_subject.train], 0] = opening
    noise = rng.standard_normal(told.shape).astype(np.float32)
    for codes, low, high in ((told, 0.9, 1.01), (noise, -0.6, 0.6)):
        monkeypatch.setattr(Head, "representations", lambda self, w, c=codes: torch.from_numpy(c))
        score = score_unseen(head, spoken_subject, "mel")
        assert low < score.mac < high
        assert (score.lmd < 0.8 * score.mean_mouth) == (low > 0)


def test_a_person_who_comes_nearer_is_scored_alike(spoken_subject, monkeypatch):
    head = Head(HeadShape(feature_dim=80, scales=(1,), grid_size=8), torch.Generator())
    landmarks, views = prior_training._track(spoken_subject, spoken_subject.train)
    told = np.zeros((spoken_subject.rows, head.representation_dim), np.float32)
    upright = upright_mouths(landmarks).reshape(len(landmarks), -1)
    upright -= upright.mean(0)
    shapes = upright @ np.linalg.svd(upright, full_matrices=False)[2][:8].T
    told[[ref.aud_id for ref in spoken_subject.train], :8] = shapes
    monkeypatch.setattr(Head, "representations", lambda self, w: torch.from_numpy(told))
    nearer = landmarks.copy()
    nearer[len(nearer) // 2 :] *= 1.2
    alike = []
    for seen in (landmarks, nearer):
        monkeypatch.setattr(prior_training, "_track", lambda *_, seen=seen: (seen, views))
        alike.append(score_unseen(head, spoken_subject, "mel"))
    still, moved = alike
    assert moved.lmd / moved.mean_mouth == pytest.approx(still.lmd / still.mean_mouth, rel=0.05)


def test_synthetic_speakers_teach_alone_or_beside_subjects(people, tmp_path):
    config = dataclasses.replace(SHORT, synthetic=1, iterations=4)
    alone = ended([], tmp_path / "alone", config)
    both = ended(people[:1], tmp_path / "both", config)
    assert read_prior(alone.path).people == ("synthetic speaker 0",)
    assert read_prior(both.path).people == (people[0].identity, "synthetic speaker 0")
    assert read_prior(alone.path).consents == ("drawn; no person",)
