import copy

import numpy as np
import pytest
import torch

from audioplane.drive import Animator
from audioplane.errors import SubjectError
from audioplane.head import BY_AUDIO
from audioplane.run import SubjectFootage
from tests.gpu import stand_in


def test_one_frame_a_row_of_features_for_speech_longer_than_the_subject(animator, spoken_subject):
    features = np.concatenate([spoken_subject.features("mel")] * 2)
    frames = list(animator.speak(animator.codes(features), None))
    assert len(frames) == len(features)
    ids = [ref.img_id for ref, _ in frames]
    assert ids[:20] == list(range(20)) and ids[20] == 18
    assert all(f.image.shape == (64, 64, 3) and f.image.dtype == np.uint8 for _, f in frames)
    assert all(0 <= f.dynamic.min() and f.dynamic.max() <= 1 for _, f in frames)


def test_outside_the_head_torso_and_background_stay(animator, spoken_subject):
    ref = spoken_subject.train[4]
    plate, head = spoken_subject.plate(ref), spoken_subject.frame(ref).head
    code = animator.codes(spoken_subject.features("mel"))[4]
    image = animator.draw(code, ref, plate).image
    rows = np.flatnonzero(head.any(1))
    assert np.array_equal(image[rows[-1] + 8 :], plate[rows[-1] + 8 :])
    assert np.abs(image[head].astype(int) - plate[head]).mean() > 5


def test_the_audio_moves_the_mouth_and_not_the_eyes(animator, head, spoken_subject):
    ref, codes = spoken_subject.train[0], animator.codes(spoken_subject.features("mel"))
    first, _ = animator.deformed(codes[3], ref)
    second, _ = animator.deformed(codes[9], ref)
    moved = (first.means - second.means).abs().sum(1) > 0
    assert moved.any()
    assert torch.equal(torch.nonzero(moved), torch.nonzero(head.moved_by == BY_AUDIO))


def test_refined_views_are_used_where_they_are(animator, spoken_subject):
    known, other = spoken_subject.train[2], spoken_subject.val[0]
    moved = torch.eye(4)
    animator._views[known.img_id] = moved
    assert torch.equal(animator.view(known).viewmat, moved)
    assert np.allclose(animator.view(other).viewmat.numpy(), other.viewmat, atol=1e-6)


def test_a_gpu_speaks_as_the_cpu(animator, head, spoken_subject):
    features, views = spoken_subject.features("mel")[:3], animator._views
    expected = animator.speak(animator.codes(features), None)
    with stand_in() as device:
        there = Animator(
            copy.deepcopy(head).to(device), SubjectFootage.of(spoken_subject, list(views)), views
        )
        frames = list(there.speak(there.codes(features), None))
        gaussians, dynamism = there.deformed(there.codes(features)[0], spoken_subject.train[0])
        assert dynamism.device.type == gaussians.means.device.type == device
    for (_, ours), (_, theirs) in zip(frames, expected, strict=True):
        assert np.mean(np.abs(ours.image.astype(int) - theirs.image) > 2) < 0.002
        assert np.mean(np.abs(ours.dynamic - theirs.dynamic) > 0.01) < 0.002


def test_features_of_another_kind_are_refused(animator):
    with pytest.raises(SubjectError, match="80"):
        animator.codes(np.zeros((5, 16, 29), np.float32))


@pytest.mark.parametrize("sizes", [(1,) * 12, (5, 7), (3, 0, 9), (12,)])
def test_codes_do_not_depend_on_how_features_are_cut(animator, spoken_subject, sizes):
    features = spoken_subject.features("mel")[:12]
    spoken = np.arange(12) % 3 > 0
    chunks = np.split(features, np.cumsum(sizes)[:-1])
    cut = torch.stack(list(animator.code_chunks(chunks, spoken)))
    torch.testing.assert_close(cut, animator.codes(features, spoken), atol=1e-5, rtol=1e-5)
