"""Frames of a stream equal to those of the whole speech."""

import numpy as np
import pytest
import torch

from audioplane.clock import FRAME_SAMPLES
from audioplane.drive import Animator
from audioplane.drive.motion import GraphMotion
from audioplane.drive.stream import LiveHead
from audioplane.errors import SpeechError, SubjectError
from audioplane.head import Head, HeadShape
from audioplane.run import SubjectFootage
from audioplane.run.motion_graph import motion_graph
from audioplane.speech import Speech, compute_features, stream_statistics
from tests.run.walked import Swaying


def _live(animator, sound, sizes, voice):
    live, frames, at = LiveHead(animator, "mel", voice), [], 0
    for size in sizes:
        frames += live.push(sound[at : at + size])
        at += size
        assert len(frames) >= (min(at, len(sound)) - live.look_ahead) // FRAME_SAMPLES
    return frames + live.finish()


@pytest.fixture(scope="module")
def speech(spoken_subject):
    from audioplane.media.audio import read_audio

    return read_audio(spoken_subject.paths.audio)


@pytest.mark.parametrize("size", [1, 333, 640, 100_000])
def test_codes_are_those_of_the_whole_sound_for_chunks_of_any_size(
    animator,
    speech,
    monkeypatch,
    size,
):
    sound = speech[: 16000 if size > 1 else 8000]
    voice = stream_statistics(Speech(sound), "mel")
    monkeypatch.setattr("audioplane.speech.level.RunningLevel.update", lambda self, power: False)
    frames = _live(animator, sound, [size] * -(-len(sound) // size), voice)
    expected = animator.codes(compute_features(sound, "mel"))
    assert [f.index for f in frames] == list(range(len(sound) // FRAME_SAMPLES))
    torch.testing.assert_close(torch.stack([f.code for f in frames]), expected, atol=1e-3, rtol=0)
    kept = len(frames) * FRAME_SAMPLES
    np.testing.assert_array_equal(np.concatenate([f.sound for f in frames]), sound[:kept])


def test_running_means_do_not_depend_on_the_chunks(animator, speech):
    voice = stream_statistics(Speech(speech), "mel")
    one = _live(animator, speech, [len(speech)], voice)
    other = _live(animator, speech, [1000] * (len(speech) // 1000 + 1), voice)
    codes = [torch.stack([f.code for f in frames]) for frames in (one, other)]
    torch.testing.assert_close(*codes, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["mel", "mel+phones"])
def test_with_less_look_ahead_codes_are_predicted_for_their_own_frames(
    spoken_subject, speech, kind
):
    """Also where settled windows lag by more than the filter's context."""
    torch.manual_seed(0)
    like = Head(
        HeadShape(feature_dim=120 if kind == "mel+phones" else 80), torch.Generator().manual_seed(0)
    )
    views = {r.img_id: torch.eye(4) for r in spoken_subject.train[:3]}
    animator = Animator(like, SubjectFootage.of(spoken_subject, list(views)), views)

    sound = speech[:32000]

    def codes(look_ahead, size):
        live, frames = LiveHead(animator, kind, None, look_ahead), []
        for first in range(0, len(sound), size):
            frames += live.push(sound[first : first + size])
            assert len(frames) == max(
                0, (min(first + size, len(sound)) - look_ahead) // FRAME_SAMPLES
            )
        return torch.stack([f.code for f in frames])[:35]

    whole = codes(LiveHead(animator, kind).look_ahead, 5000)
    off = []
    for look_ahead in (0, 1920, 3840):
        guessed = codes(look_ahead, 5000)
        off.append((guessed - whole).square().mean())
        for shift in (-3, 3):
            assert off[-1] < (guessed - whole.roll(shift, 0))[3:-3].square().mean()
    assert off[0] > off[1] > off[2]
    torch.testing.assert_close(guessed, codes(3840, 700), atol=1e-5, rtol=0)


def test_in_silence_the_head_goes_on_moving_and_its_mouth_is_still(animator):
    live = LiveHead(animator, "mel")
    frames = live.push(np.zeros(16000 * 3, np.float32))
    assert len(frames) >= 60
    assert torch.equal(frames[20].code, frames[50].code)
    assert not np.array_equal(
        live.draw(frames[20], None), live.draw(frames[25], None)
    )  # another pose


def test_a_stream_moves_as_a_file_does(animator, speech):
    footage = Swaying((700,))
    graph = motion_graph(footage, footage.views(), None, np.ones(700, bool))
    moving = Animator(
        animator.head,
        animator.footage,
        animator._views,
        motion=lambda: GraphMotion(graph, seed=2),
    )
    sound = np.concatenate([speech, np.zeros(16000, np.float32), speech])
    live = LiveHead(moving, "mel")
    frames = [*live.push(sound), *live.finish()]
    again = LiveHead(moving, "mel")
    pieces = [f for piece in np.array_split(sound, 7) for f in again.push(piece)]

    def shown(moments):
        return [(m.ref.img_id, m.other and m.other.img_id, m.weight) for m in moments]

    moments = shown(frame.moment for frame in frames)
    assert shown(frame.moment for frame in [*pieces, *again.finish()]) == moments
    assert any(other for _, other, _ in moments)
    whole, motion = Speech(sound).spoken_frames(), GraphMotion(graph, seed=2)
    told = [motion.step(bool(speaks)) for speaks in whole[:20]]
    assert shown(told) == moments[:20]


def test_a_frame_that_was_left_out_changes_no_other(animator, speech):
    frames = LiveHead(animator, "mel").push(speech)
    live = LiveHead(animator, "mel")
    every = [live.draw(f, None) for f in frames[:8]]
    np.testing.assert_array_equal(live.draw(frames[7], None), every[7])


def test_a_short_sound_still_gives_its_frames(animator):
    for samples in (0, 100, 640, 1300, 3000):
        live = LiveHead(animator, "mel")
        frames = live.push(np.zeros(samples, np.float32)) + live.finish()
        assert len(frames) == max(1, samples // FRAME_SAMPLES)


def test_what_cannot_be_streamed_is_refused(animator):
    with pytest.raises(SpeechError, match="hubert.*cannot be streamed"):
        LiveHead(animator, "hubert")


def test_a_head_that_follows_time_is_refused(animator, monkeypatch):
    monkeypatch.setattr(animator.head, "times", object(), raising=False)
    with pytest.raises(SubjectError, match="six-plane"):
        LiveHead(animator, "mel").push(np.zeros(16000, np.float32))


def test_codes_adapt_to_a_voice_but_not_to_silence(animator, speech):
    live = LiveHead(animator, "mel")
    still = live.push(np.zeros(16000 * 2, np.float32))
    spoken = live.push(speech) + live.finish()
    plain = animator.excerpt_codes(np.zeros((8, 16, 80), np.float32))
    voice = live._voice
    adapted = animator.excerpt_codes(np.zeros((8, 16, 80), np.float32), voice)
    assert not torch.allclose(plain, adapted, atol=1e-3)
    assert len(still) + len(spoken) == len(speech) // FRAME_SAMPLES + 50
    silent = LiveHead(animator, "mel")
    silent.push(np.zeros(16000 * 4, np.float32))
    torch.testing.assert_close(
        animator.excerpt_codes(np.zeros((8, 16, 80), np.float32), silent._voice), plain
    )
