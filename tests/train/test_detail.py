import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from audioplane.drive.renderer import FrameRenderer
from audioplane.errors import CheckpointError
from audioplane.face.regions import eyes_mask, mouth_mask
from audioplane.head import Motion, View
from audioplane.run import RunPaths, load_tensors, read_head, save_tensors
from audioplane.train import CheckpointSaved
from audioplane.train import detail as learned
from audioplane.train.run import is_complete, train_head
from tests.train.configs import TINY

CONFIG = TINY.with_changes(
    coarse_iterations=10, fine_iterations=20, density={"until": 15}, model={"detail": True}
)


@pytest.fixture(scope="module")
def path(spoken_subject, tmp_path_factory):
    folder = tmp_path_factory.mktemp("detailed")
    list(train_head(spoken_subject, CONFIG, folder))
    return RunPaths(folder).head


def _error(trained, subject):
    """Mean error of training frames outside the mouth, byte values."""
    head, (height, width) = trained.head, subject.background.shape[:2]
    renderer, errors = FrameRenderer(head, width, height), []
    codes = head.audio_codes(torch.from_numpy(subject.features(trained.speech)))
    for ref in subject.train[1:40:6]:
        numbers = torch.from_numpy(subject.expression_of(ref, head.shape.expression)).float()
        motion = Motion(codes[ref.aud_id], head.expression(numbers))
        view = View(trained.views[ref.img_id], torch.from_numpy(subject.K).float(), width, height)
        image, dynamic = renderer.render(motion, view, subject.plate(ref))
        errors.append(np.abs(image.astype(float) - subject.image(ref))[dynamic < 0.3].mean())
    return np.mean(errors)


@torch.no_grad()
def test_frames_are_nearer_to_the_recording_with_it(path, spoken_subject):
    trained = read_head(path)
    trained.head.gaussians.logits.fill_(4.0)  # so short a training leaves them translucent
    trained.head.detail = None
    without = _error(trained, spoken_subject)
    trained.head.detail = learned.learn_detail(trained, spoken_subject)
    assert _error(trained, spoken_subject) < 0.98 * without


def test_it_is_learned_once_and_the_same_again(path, spoken_subject, monkeypatch):
    trained = read_head(path)
    again = learned.learn_detail(trained, spoken_subject).tensors()
    assert all(torch.equal(x, again[k]) for k, x in trained.head.detail.tensors().items())
    monkeypatch.setattr("audioplane.train.run.learn_detail", None)
    list(train_head(spoken_subject, CONFIG, path.parent))


def test_a_training_that_is_stopped_at_its_end_leaves_it_to_the_next(spoken_subject, tmp_path):
    stop, out = threading.Event(), tmp_path / "run"
    for event in train_head(spoken_subject, CONFIG, out, stop=stop):
        if isinstance(event, CheckpointSaved) and event.iteration == CONFIG.iterations:
            stop.set()
    assert read_head(RunPaths(out).head).head.detail is None and not is_complete(out, CONFIG)
    list(train_head(spoken_subject, CONFIG, out))
    assert read_head(RunPaths(out).head).head.detail is not None and is_complete(out, CONFIG)


@torch.no_grad()
def test_lips_and_lids_hardly_carry_it(path, spoken_subject, monkeypatch):
    trained, refs = read_head(path), []
    trained.head.gaussians.logits.fill_(4.0)
    lively = learned._lively
    monkeypatch.setattr(learned, "_lively", lambda s, ref: refs.append(ref) or lively(s, ref))
    texture = learned.learn_detail(trained, spoken_subject).texture.abs().float().numpy()
    monkeypatch.setattr(learned, "_lively", lambda *_: np.float32(0))
    everywhere = learned.learn_detail(trained, spoken_subject).texture.abs().float().numpy()
    for mask in (eyes_mask, mouth_mask):
        inside = mask(spoken_subject.landmarks(refs[0]), *texture.shape, dilation=0.0)
        assert texture[inside].mean() < 0.25 * everywhere[inside].mean()
    assert texture.sum() > 0.5 * everywhere.sum()


def test_few_frames_are_enough(path, spoken_subject):
    trained = read_head(path)
    few = dict(list(trained.views.items())[:10])
    shape = spoken_subject.background.shape[:2]
    assert learned.learn_detail(replace(trained, views=few), spoken_subject).texture.shape == shape


def test_a_damaged_map_is_an_error(path, tmp_path):
    tensors, facts = load_tensors(path)
    tensors["detail/carriers"] = tensors["detail/carriers"] - 1000
    save_tensors(tmp_path / "head.safetensors", tensors, facts)
    with pytest.raises(CheckpointError, match="does not have carry"):
        read_head(tmp_path / "head.safetensors")


def _frames(still, grain, n=24):
    """Smooth renders, and recordings with a still texture and grain of their own."""
    rng = np.random.default_rng(1)
    render = np.full((n, 80, 80), 120, np.float32)
    texture = still * rng.standard_normal((80, 80))
    own = grain * rng.standard_normal((n, 80, 80))
    return render, (render + texture + own).astype(np.float32)


def _fine(image):
    return (image - cv2.GaussianBlur(image, (0, 0), 1.4))[10:-10, 10:-10]


def test_skin_is_as_fine_as_recorded():
    render, recording = _frames(still=1.0, grain=2.0)
    face = np.ones((80, 80), bool)
    texture = learned._texture(render, recording, 5, face)
    ratio = _fine(render[0] + texture).std() / _fine(recording[0]).std()
    assert 0.9 < ratio < 1.1
    similar = np.corrcoef(_fine(texture).ravel(), _fine(recording[5] - render[5]).ravel())[0, 1]
    assert similar > 0.9


def test_where_frames_disagree_only_what_lasts_is_kept():
    render, recording = _frames(still=1.0, grain=1.0)
    rng = np.random.default_rng(2)
    recording[:, 50:] += 15 * rng.standard_normal((24, 30, 80)).astype(np.float32)
    face = np.ones((80, 80), bool)
    texture = learned._texture(render, recording, 5, face)
    unlike = texture[60:] - learned._finer(recording[5] - render[5], learned._FINE)[60:]
    assert texture[60:].std() < 5 < unlike.std()


def test_one_grey_face_gets_no_texture():
    render, recording = _frames(still=0.0, grain=0.0)
    for face in (np.ones((80, 80), bool), np.zeros((80, 80), bool)):
        texture = learned._texture(render, recording, 0, face)
        assert np.abs(texture).max() < 1e-3


def test_the_reference_is_frontal_and_shown_well(path, spoken_subject):
    trained = read_head(path)
    with torch.no_grad():
        frames = list(learned._shown(trained, spoken_subject, spoken_subject.train[:12]))
    best = learned._reference(frames)
    worse = [
        replace(f, recording=f.recording + 50) if i == best else f for i, f in enumerate(frames)
    ]
    assert learned._reference(worse) != best
