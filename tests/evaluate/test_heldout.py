import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audioplane.drive import DrivenFrame
from audioplane.errors import ModelError, SubjectError
from audioplane.evaluate.heldout import score_frames, score_head
from audioplane.evaluate.mouth.view import MouthViews, SeenMouth
from audioplane.evaluate.report import RegionScores, ScoreReport
from audioplane.evaluate.run import example_frames
from audioplane.evaluate.scores import visemes
from audioplane.evaluate.scores.metrics import PSNR_CAP
from audioplane.evaluate.scores.sound import sound_of
from audioplane.media.audio import write_wav
from audioplane.media.image import read_image
from audioplane.speech.spoken import SpokenPhone
from audioplane.subject import FrameRef, Subject

Draw = Callable[[FrameRef, float], np.ndarray]
Opening = Callable[[int], float]
STILL = np.zeros((128, 128), np.float32)


class Unread:
    """A view that sees no mouth."""

    def restart(self) -> None:
        pass

    def see(self, image: np.ndarray, ref: FrameRef) -> SeenMouth | None:
        return None


def test_a_perfect_render(subject: Subject) -> None:
    def render(ref: FrameRef) -> DrivenFrame:
        return DrivenFrame(read_image(subject.paths.image(ref.img_id)), STILL)

    report = score_head(render, subject)
    means, lips = report.means, report.lips
    assert len(report.frames) == len(subject.val) == lips.n_frames
    for scores in means.values():
        assert scores.psnr == PSNR_CAP and scores.l1 == 0
        assert scores.ssim == pytest.approx(1)
    assert lips.mac == pytest.approx(1) and lips.lmd == pytest.approx(0) and lips.lag == 0
    assert lips.source_accuracy is not None and lips.source_accuracy > 0.98
    assert "lpips" in report.reasons and means["whole"].lpips is None
    directions = np.array([ref.viewmat[:3, 2] for ref in subject.train]).mean(0)
    for ref, frame in zip(subject.val, report.frames, strict=True):
        cosine = directions @ ref.viewmat[:3, 2] / np.linalg.norm(directions)
        assert frame.turn == pytest.approx(np.degrees(np.arccos(cosine)))
    assert report.sound is None and "aud.wav" in report.reasons["sound"]
    assert "no sound" in report.reasons["visemes"] and "no face" not in "".join(report.notes)


def test_a_mouth_that_never_moves(subject: Subject, draw_face: Draw) -> None:
    report = score_head(lambda ref: DrivenFrame(draw_face(ref, 0.5), STILL), subject)
    assert report.lips.mac is None or abs(report.lips.mac) < 0.5
    assert report.lips.spread is not None and report.lips.spread < 0.2
    means = report.means
    assert means["mouth"].psnr is not None and means["whole"].psnr is not None
    assert means["mouth"].psnr < means["whole"].psnr < PSNR_CAP
    assert report.lips.lmd is not None and report.lips.lmd > 0.3


def test_best_median_and_worst_frame(subject: Subject, draw_face: Draw) -> None:
    opening = {ref.img_id: i / len(subject.val) for i, ref in enumerate(subject.val)}
    render = {r.img_id: DrivenFrame(draw_face(r, opening[r.img_id]), STILL) for r in subject.val}
    report = score_head(lambda ref: render[ref.img_id], subject)
    best, median, worst = example_frames(lambda ref: render[ref.img_id], subject, report)
    quality = {f.img_id: f.regions["whole"].psnr or 0 for f in report.frames}
    shown = [int(row.label.split()[2].rstrip(",")) for row in (best, median, worst)]
    assert quality[shown[0]] == max(quality.values())
    assert quality[shown[2]] == min(quality.values())
    assert quality[shown[2]] < quality[shown[1]] < quality[shown[0]]
    assert np.array_equal(worst.rendered, render[shown[2]].image)


def test_a_mouth_that_follows_the_sound(
    tiny_subject: Callable[[int, int], Subject], true_opening: Opening
) -> None:
    spoken = tiny_subject(20, 40)
    loudness = np.repeat([true_opening(i) for i in range(60)], 640)
    tone = np.sin(2 * np.pi * 1000 * np.arange(len(loudness)) / 16000)
    write_wav(spoken.paths.audio, (0.5 * loudness * tone).astype(np.float32))
    report = score_head(
        lambda ref: DrivenFrame(read_image(spoken.paths.image(ref.img_id)), STILL),
        spoken,
        sound=sound_of(spoken, spoken.val),
    )
    assert report.sound == report.true_sound
    assert report.sound is not None and report.sound.lag == 0 and report.sound.correlation > 0.9


def test_lips_that_close_for_the_phones_that_are_heard(
    tiny_subject: Callable[[int, int], Subject],
    draw_face: Draw,
    true_opening: Opening,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoken = tiny_subject(40, 40)
    order = sorted(range(40), key=lambda i: true_opening(spoken.val[i].img_id))
    heard = [SpokenPhone("m", (i + 0.5) / 25) for i in order[:4]]
    heard += [SpokenPhone("ɑ", (i + 0.5) / 25) for i in order[-4:]]
    monkeypatch.setattr(visemes, "heard_phones", lambda speech: heard)
    sound = np.zeros(40 * 640, np.float32)

    def score(opening: Callable[[int], float]) -> ScoreReport:
        def draw(ref: FrameRef) -> DrivenFrame:
            return DrivenFrame(draw_face(ref, opening(ref.img_id)), STILL)

        return score_head(draw, spoken, sound=sound)

    report = score(true_opening)
    assert report.visemes.closures == report.true_visemes.closures == 1
    assert report.visemes.false_closures == 0
    open_ = score(lambda img_id: 0.9)
    assert open_.visemes.closures == 0 and open_.true_visemes.closures == 1
    few = [SpokenPhone("m", 0.5)]
    monkeypatch.setattr(visemes, "heard_phones", lambda speech: few)
    assert score(true_opening).reasons["visemes"].startswith("1 phones p, b or m")


def test_one_image_repeated_has_no_correlation(subject: Subject, draw_face: Draw) -> None:
    # The pose stands still too: what is read is constant.
    still = replace(subject, val=tuple(replace(r, viewmat=subject.val[0].viewmat)
                                       for r in subject.val))  # fmt: skip
    image = draw_face(subject.val[0], 0.5)
    report = score_head(lambda ref: DrivenFrame(image, STILL), still)
    assert report.lips.mac is None and "does not move" in report.reasons["mac"]


def test_a_mouth_that_lags(subject: Subject, draw_face: Draw, true_opening: Opening) -> None:
    def render(ref: FrameRef) -> DrivenFrame:
        return DrivenFrame(draw_face(ref, true_opening(ref.img_id - 3)), STILL)

    lips = score_head(render, subject).lips
    assert lips.lag == 3 and lips.mac_at_lag is not None and lips.mac_at_lag > 0.95
    assert lips.mac is not None and lips.mac < 0.6


def test_lpips_fills_its_column(subject: Subject, draw_face: Draw) -> None:
    report = score_head(
        lambda ref: DrivenFrame(draw_face(ref, 0.5), STILL),
        subject,
        lpips=lambda a, b: float(a.shape[0]),
    )
    assert report.means["whole"].lpips == 128
    assert report.means["mouth"].lpips is None and "smaller" in report.reasons["lpips"]


def test_subjects_that_leave_cells_empty(tiny_subject: Callable[[int, int], Subject]) -> None:
    tiny = tiny_subject(4, 2)

    def render(ref: FrameRef) -> DrivenFrame:
        return DrivenFrame(read_image(tiny.paths.image(ref.img_id)), STILL)

    report = score_head(render, tiny)
    assert report.means["face"].psnr == PSNR_CAP
    assert report.lips.lmd is None and "4 training frames" in report.reasons["lmd"]
    with pytest.raises(SubjectError, match="no held-out frame"):
        score_head(render, replace(tiny, val=()))
    with pytest.raises(ModelError, match="not a file"):
        score_head(render, tiny, landmarker=Path("nowhere.task"))


def test_a_mouth_outside_the_frame_has_no_score(
    tiny_subject: Callable[[int, int], Subject],
) -> None:
    tiny = tiny_subject(20, 2)
    path = tiny.paths.landmarks(tiny.val[0].img_id)
    landmarks = np.loadtxt(path)
    landmarks[48:68] += [0, 200]
    np.savetxt(path, landmarks, fmt="%.4f")

    def render(ref: FrameRef) -> DrivenFrame:
        return DrivenFrame(read_image(tiny.paths.image(ref.img_id)), STILL)

    report = score_head(render, tiny)
    mouths = [frame.regions["mouth"] for frame in report.frames]
    assert mouths[0] == RegionScores() and mouths[1].psnr == PSNR_CAP
    assert report.means["mouth"].psnr == PSNR_CAP
    for name in ("psnr", "l1", "ssim"):
        assert "outside" in report.reasons[name]
    json.dumps(report.to_dict(), allow_nan=False)


def test_what_the_frames_cannot_tell_has_a_reason(
    tiny_subject: Callable[[int, int], Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tiny_subject(20, 10)
    monkeypatch.setattr(visemes, "heard_phones", lambda speech: [])

    def render(ref: FrameRef) -> DrivenFrame:
        return DrivenFrame(read_image(tiny.paths.image(ref.img_id)), STILL)

    views = MouthViews("a reader", Unread(), Unread())
    report = score_frames(map(render, tiny.val), tiny, tiny.val, views)
    assert report.lips.source_accuracy is None and "two frames" in report.reasons["source_accuracy"]
    assert "no face in 10 of 10 frames: left out of LMD, MAC, BSE" in report.notes
    report = score_head(render, tiny, sound=np.zeros(10 * 640, np.float32))
    assert report.sound is None and report.reasons["sound"].endswith("(render and recording)")
    for name in ("visemes", "false_closures", "rounding", "opening"):
        assert name in report.reasons


def test_a_render_of_another_size_is_refused(subject: Subject) -> None:
    small = DrivenFrame(np.zeros((64, 64, 3), np.uint8), STILL[:64, :64])
    with pytest.raises(ValueError, match="ground truth"):
        score_head(lambda ref: small, subject)
