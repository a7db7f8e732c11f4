"""Frame-by-frame scores of renders against the subject's own images, before lossy encoding."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from audioplane.drive import Animator, DrivenFrame
from audioplane.errors import SubjectError
from audioplane.evaluate.mouth.habits import mouth_habits
from audioplane.evaluate.mouth.view import (
    MouthViews,
    SeenMouth,
    mouth_track,
    open_mouth_views,
)
from audioplane.evaluate.report import FrameScores, RegionScores, ScoreReport
from audioplane.evaluate.scores import metrics
from audioplane.evaluate.scores.action_units import ExpressionErrors, blendshape_errors
from audioplane.evaluate.scores.lips import (
    LipScores,
    correlation,
    landmark_distance,
    lip_scores,
)
from audioplane.evaluate.scores.metrics import Image
from audioplane.evaluate.scores.outline import outline_psnr
from audioplane.evaluate.scores.sound import NO_SYNC, SoundSync, sound_level, sound_sync
from audioplane.evaluate.scores.visemes import (
    NO_VISEMES,
    HeardPhones,
    LipShapes,
    VisemeScores,
    mouth_width,
)
from audioplane.evaluate.tools import NO_LPIPS, Perceptual
from audioplane.face.landmarker import BLENDSHAPES
from audioplane.face.regions import Box, face_box, mouth_aperture, mouth_box
from audioplane.head import Head, View, refine_view
from audioplane.media.image import read_image
from audioplane.speech import Speech
from audioplane.subject import FrameRef, Subject
from audioplane.subject.labels import head_mask, person_mask

SMALLEST_LPIPS = 64
"""Side below which a region is too small for the networks behind LPIPS, pixels."""
NOTES = (
    "self-driven on the held-out last 1/11 of the frames, before lossy encoding",
    "mean of per-frame values; SSIM: Gaussian window 11, sigma 1.5, mean of R, G and B; "
    f"PSNR of identical images counts as {metrics.PSNR_CAP:.0f} dB",
)

_NO_ACCURACY = "fewer than two frames with a mouth, or the recording's mouth does not move"

Draw = Callable[[FrameRef], DrivenFrame]
"""Renders one frame of a subject."""
Show = Callable[[FrameRef, Image, DrivenFrame], None]
"""Receives a frame, its ground truth and its render."""


@dataclass(frozen=True)
class HeldOut:
    """The held-out frames of a subject, rendered from the speech that belongs to them."""

    animator: Animator
    subject: Subject
    codes: dict[int, Float[Tensor, " k"]]
    """By img_id."""

    @staticmethod
    def of(animator: Animator, subject: Subject, speech: Float[Tensor, "t k"]) -> "HeldOut":
        """The held-out frames; `speech` holds the codes of all of the subject's own speech."""
        rows = rows_of(subject.val, len(speech))
        codes = {ref.img_id: speech[row] for ref, row in zip(subject.val, rows, strict=True)}
        return HeldOut(animator, subject, codes)

    @property
    def _head(self) -> Head:
        return self.animator.head

    def draw(self, ref: FrameRef) -> DrivenFrame:
        """One frame; `ref` is one of `subject.val`."""
        return self.animator.draw(self.codes[ref.img_id], ref, self.animator.footage.plate(ref))

    def frames(self) -> Iterator[DrivenFrame]:
        """All frames, in order."""
        return map(self.draw, self.subject.val)

    def refined_view(self, ref: FrameRef) -> View:
        """The camera, and the body's pose, that fit a frame best with the head frozen.

        It uses the ground truth: figures made with it must say so.
        """
        mask = (head_mask if self._head.body is None else person_mask)(self.subject.labels(ref))
        gaussians, _ = self.animator.deformed(self.codes[ref.img_id], ref)
        grey = torch.full((3,), 0.5, device=gaussians.means.device)
        pixels, inside = (
            torch.from_numpy(x).to(grey.device) for x in (self.subject.image(ref), mask)
        )
        target = torch.where(inside[..., None], pixels.float() / 255, grey)
        view, weights = self.animator.view(ref), self._head.body_weights()
        return refine_view(gaussians, view, target, grey, body_weights=weights)


def rows_of(refs: Sequence[FrameRef], n: int) -> list[int]:
    """The row of speech, of `n`, for each frame."""
    return [ref.feature_row(n) for ref in refs]


def score_head(
    draw: Draw,
    subject: Subject,
    landmarker: Path | None = None,
    lpips: Perceptual | None = None,
    sound: Float32[np.ndarray, " n"] | None = None,
    show: Show | None = None,
) -> ScoreReport:
    """Score a head on every held-out frame of its subject.

    Args:
        draw: Renders one frame, driven by the subject's own speech.
        subject: The ground truth.
        landmarker: MediaPipe's `face_landmarker.task`; None looks where model files are kept and
            falls back to `MouthReader`.
        lpips: Computes LPIPS; None leaves it empty.
        sound: The sound of the held-out frames, 16 kHz; None leaves the scores against it empty.
        show: Receives every frame.

    Raises:
        SubjectError: The subject has no held-out frame.
        MediaError: An image is damaged.
        ModelError: `landmarker` is not a file.
    """
    refs = subject.val
    if not refs:
        raise SubjectError(f"{subject.paths.root} has no held-out frame to evaluate on")
    with ExitStack() as stack:
        views, reason = None, ""
        try:
            views = stack.enter_context(open_mouth_views(subject, landmarker))
        except SubjectError as e:
            reason = str(e)
        report = score_frames(map(draw, refs), subject, refs, views, lpips, show)
    if views is None:
        report = replace(report, lips=LipScores(empty=_no_lips(reason)))
    return _against_phones(_against_sound(report, sound), sound, subject)


def score_frames(
    rendered: Iterable[DrivenFrame],
    subject: Subject,
    refs: Sequence[FrameRef],
    views: MouthViews | None = None,
    lpips: Perceptual | None = None,
    show: Show | None = None,
) -> ScoreReport:
    """Score rendered frames against the subject's own at `refs`; see `score_head`.

    `views` None leaves the lips empty.
    """
    frames: list[FrameScores] = []
    seen: list[SeenMouth | None] = []
    true_seen: list[SeenMouth | None] = []
    known = []
    facing = _facing(np.array([r.viewmat for r in subject.train])).mean(0)
    for ref, frame in zip(refs, rendered, strict=True):
        truth = read_image(subject.paths.image(ref.img_id))
        landmarks = subject.landmarks(ref)
        if frame.image.shape != truth.shape:
            raise ValueError(f"rendered {frame.image.shape}, ground truth {truth.shape}")
        regions = score_regions(frame.image, truth, landmarks, lpips)
        a = views.rendered.see(frame.image, ref) if views else None
        b = views.true.see(truth, ref) if views else None
        seen.append(a)
        true_seen.append(b)
        known.append(float(mouth_aperture(landmarks)))
        turn = angle_between(_facing(ref.viewmat), facing)
        outline = _outline(frame.image, subject, ref)
        frames.append(replace(_frame_scores(ref, regions, a, b), turn=turn, outline=outline))
        if show is not None:
            show(ref, truth, frame)
    if views is None:
        lips = LipScores(empty=_no_lips("no reader of landmarks"))
    else:
        accuracy = _accuracy(true_seen, np.array(known))
        lips = lip_scores(mouth_track(seen), mouth_track(true_seen), views.name, accuracy)
        if accuracy is None:
            lips = replace(lips, empty={**lips.empty, "source_accuracy": _NO_ACCURACY})
    expression = _expression(seen, true_seen)
    empty = _empty_cells(frames, lpips, expression)
    unseen = unseen_mouths(lips, len(frames)) if views is not None else ""
    notes = (*NOTES, unseen) if unseen else NOTES
    return ScoreReport(tuple(frames), lips, empty, notes, expression=expression)


def unseen_mouths(lips: LipScores, frames: int) -> str:
    """How many of so many frames the scores of the lips leave out; "" for none."""
    left = frames - lips.n_frames
    return f"no face in {left} of {frames} frames: left out of LMD, MAC, BSE" if left else ""


def _outline(image: Image, subject: Subject, ref: FrameRef) -> float | None:
    """Against the recording where the subject keeps it: its own images are composites."""
    kept = subject.paths.original(ref.img_id)
    recording = read_image(kept) if kept.exists() else subject.image(ref)
    return outline_psnr(image, recording, person_mask(subject.labels(ref)))


def _facing(viewmats: Float[np.ndarray, "*n 4 4"]) -> Float[np.ndarray, "*n 3"]:
    """The direction of the head's own z axis before the camera."""
    return viewmats[..., :3, 2]


def angle_between(a: Float[np.ndarray, "3"], b: Float[np.ndarray, "3"]) -> float:
    """Degrees between two directions of any length."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def score_regions(
    image: Image,
    truth: Image,
    landmarks: Float[np.ndarray, "68 2"],
    lpips: Perceptual | None = None,
) -> dict[str, RegionScores]:
    """Image metrics of the whole frame, its face box and its mouth box; none of a box outside."""
    height, width = truth.shape[:2]
    boxes: dict[str, Box | None] = {
        "whole": (0, 0, width, height),
        "face": face_box(landmarks, height, width),
        "mouth": mouth_box(landmarks, height, width),
    }
    similarity = metrics.ssim_map(image, truth)
    scores = {}
    for name, box in boxes.items():
        if box is None:
            scores[name] = RegionScores()
            continue
        ssim = metrics.mean_ssim(similarity, box)
        a, b = metrics.crop(image, box), metrics.crop(truth, box)
        fits = lpips is not None and min(b.shape[:2]) >= SMALLEST_LPIPS
        scores[name] = RegionScores(
            psnr=metrics.psnr(image, truth, box),
            ssim=None if np.isnan(ssim) else ssim,
            l1=metrics.l1(image, truth, box),
            lpips=float(lpips(a, b)) if lpips is not None and fits else None,
        )
    return scores


def _against_sound(report: ScoreReport, sound: Float32[np.ndarray, " n"] | None) -> ScoreReport:
    """The report with both mouths' scores against the sound."""
    if sound is None:
        reason = "the subject's folder holds no aud.wav: prepare it again, or put the sound there"
        return replace(report, empty={**report.empty, "sound": reason})
    level = sound_level(sound, len(report.frames))

    def sync(apertures: list[float | None]) -> SoundSync | None:
        found = np.array([a is not None for a in apertures])
        return sound_sync(np.array([a or 0.0 for a in apertures]), level, found)

    names = ("aperture", "true_aperture")
    own, true = (sync([getattr(f, n) for f in report.frames]) for n in names)
    missing = [s for s, x in (("render", own), ("recording", true)) if x is None]
    empty = {"sound": f"{NO_SYNC} ({' and '.join(missing)})"} if missing else {}
    return replace(report, sound=own, true_sound=true, empty={**report.empty, **empty})


def _against_phones(
    report: ScoreReport, sound: Float32[np.ndarray, " n"] | None, subject: Subject
) -> ScoreReport:
    """The report with both mouths' scores against the phones of the sound."""
    if sound is None:
        return replace(report, empty={**report.empty, **NO_VISEMES.reasons})
    heard, shut = HeardPhones.of(Speech(sound)), mouth_habits(subject).shut

    def score(aperture: str, width: str) -> VisemeScores:
        pairs = [[getattr(f, aperture), getattr(f, width)] for f in report.frames]
        values = np.array(pairs, np.float64)
        found = np.isfinite(values[:, 0]) & np.isfinite(values[:, 1])
        seen = np.nan_to_num(values)
        return heard.score(LipShapes(seen[:, 0], seen[:, 1], found), shut)

    own, true = score("aperture", "width"), score("true_aperture", "true_width")
    empty = {**report.empty, **own.reasons}
    return replace(report, visemes=own, true_visemes=true, empty=empty)


def _empty_cells(
    frames: Sequence[FrameScores], lpips: Perceptual | None, expression: ExpressionErrors
) -> dict[str, str]:
    """Why cells are empty, by the metric."""
    regions = [r for f in frames for r in f.regions.values()]
    empty: dict[str, str] = {}
    if lpips is None:
        empty["lpips"] = NO_LPIPS
    elif any(r.lpips is None for r in regions):
        empty["lpips"] = f"left out where a region is smaller than {SMALLEST_LPIPS} px"
    if any(r.psnr is None for r in regions):
        empty["psnr"] = empty["l1"] = "left out where a region lies outside the frame"
    if any(r.ssim is None for r in regions):
        empty["ssim"] = "left out where a region lies outside, or within 5 px of, the border"
    if expression.bse_upper is None:
        empty["bse"] = "needs MediaPipe's landmarker, and a face that it can read"
    return empty


def _frame_scores(
    ref: FrameRef, regions: dict[str, RegionScores], seen: SeenMouth | None, true: SeenMouth | None
) -> FrameScores:
    lmd = None
    if seen and true:
        lmd = float(landmark_distance(seen.landmarks[None], true.landmarks[None])[0])
    return FrameScores(
        ref.img_id,
        regions,
        lmd,
        seen.aperture if seen else None,
        true.aperture if true else None,
        float(mouth_width(seen.landmarks)) if seen else None,
        float(mouth_width(true.landmarks)) if true else None,
    )


def _accuracy(seen: Sequence[SeenMouth | None], known: Float[np.ndarray, " t"]) -> float | None:
    """Correlation of the apertures read off the ground truth with those of its landmarks."""
    track = mouth_track(seen)
    if track.found.sum() < 2:
        return None
    value = correlation(track.aperture[track.found], known[track.found])
    return None if np.isnan(value) else value


def _expression(
    seen: Sequence[SeenMouth | None], true_seen: Sequence[SeenMouth | None]
) -> ExpressionErrors:
    pairs = [
        (a.blendshapes, b.blendshapes)
        for a, b in zip(seen, true_seen, strict=True)
        if a and b and a.blendshapes is not None and b.blendshapes is not None
    ]
    table = np.array(pairs, np.float64).reshape(-1, 2, len(BLENDSHAPES))
    return blendshape_errors(table[:, 0], table[:, 1])


def _no_lips(reason: str) -> dict[str, str]:
    names = ("lmd", "mac", "lag", "mac_at_lag", "spread", "source_accuracy")
    return {name: reason for name in names}
