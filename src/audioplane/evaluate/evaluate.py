"""Scores a head on the held-out frames of its subject, and on speech whose lips are known.

Frames are rendered, decoded and scored one after the other, before any lossy encoding.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from audioplane.drive import DrivenFrame
from audioplane.errors import MediaError, SubjectError
from audioplane.evaluate.figures.contact_sheet import SheetRow, contact_sheet
from audioplane.evaluate.mouth.reader import MouthReader
from audioplane.evaluate.mouth.view import (
    MouthViews,
    SeenMouth,
    mouth_track,
    open_mouth_views,
)
from audioplane.evaluate.report import EvaluationReport, FrameScores, RegionScores
from audioplane.evaluate.scores import metrics
from audioplane.evaluate.scores.action_units import ExpressionErrors, blendshape_errors
from audioplane.evaluate.scores.lips import (
    LipScores,
    aperture_scores,
    correlation,
    landmark_distance,
    lip_scores,
)
from audioplane.evaluate.scores.metrics import Image
from audioplane.evaluate.scores.sound import SoundSync, sound_level, sound_of, sound_sync
from audioplane.face.landmarker import BLENDSHAPES
from audioplane.face.regions import Box, face_box, mouth_aperture, mouth_box
from audioplane.media.image import read_image, write_image
from audioplane.media.video import VideoWriter
from audioplane.subject import FrameRef, Subject

SHEET_NAME, VIDEO_NAME = "contact_sheet.png", "side_by_side.mp4"
VIDEO_SIDE, VIDEO_CRF = 512, 26
"""Longest side of one of its two pictures, pixels, and its H.264 quality: 0.3 MB for 10 s."""
SHEET_FRAMES = 8
"""Frames on the contact sheet, evenly spread."""
EXAMPLES = 3
"""Frames that `example_frames` draws."""
SMALLEST_LPIPS = 64
"""Side below which a region is too small for the networks behind LPIPS, pixels."""
NOTES = (
    "self-driven on the held-out last 1/11 of the frames, before lossy encoding",
    "torso and background are the real ones",
    "mean of per-frame values; SSIM: Gaussian window 11, sigma 1.5, mean of R, G and B; "
    f"PSNR of identical pictures counts as {metrics.PSNR_CAP:.0f} dB",
)
NO_LPIPS = (
    "LPIPS needs AlexNet's weights (233 MB): evaluate --download fetches them, --lpips-weights "
    "names a folder that holds them"
)

Perceptual = Callable[[Image, Image], float]
"""LPIPS of two pictures."""


def evaluate_head(
    render: Callable[[FrameRef], DrivenFrame],
    subject: Subject,
    out: Path | None = None,
    landmarker: Path | None = None,
    lpips: Perceptual | None = None,
    notes: tuple[str, ...] = (),
) -> EvaluationReport:
    """Score a head on every held-out frame of its subject.

    Args:
        render: Draws one frame, driven by the subject's own speech.
        subject: The ground truth.
        out: Folder for `contact_sheet.png` and `side_by_side.mp4` (recording, render, sound); None
            writes nothing.
        landmarker: MediaPipe's `face_landmarker.task`; None looks where `prepare` keeps it, and
            does without (see `MouthReader`) where it is not there.
        lpips: Computes LPIPS; None leaves it empty.
        notes: What else is to be known of how the frames were made.

    Raises:
        SubjectError: The subject has no held-out frame.
        MediaError: A picture is damaged, or `out` cannot be written.
        PrepareError: `landmarker` is not a file.
    """
    refs = subject.val
    if not refs:
        raise SubjectError(f"{subject.paths.root} has no held-out frame to evaluate on")
    chosen = set(np.linspace(0, len(refs) - 1, SHEET_FRAMES).round().astype(int).tolist())
    rows: list[SheetRow] = []
    sound = sound_of(subject, refs)

    def rendered(film: VideoWriter | None) -> Iterable[DrivenFrame]:
        for i, ref in enumerate(refs):
            frame = render(ref)
            yield frame  # whoever takes it checks its size
            truth = read_image(subject.paths.image(ref.img_id))
            if i in chosen:
                rows.append(SheetRow(f"frame {ref.img_id}", truth, frame.image, frame.dynamic))
            if film is not None:
                film.write(_side_by_side(truth, frame.image))

    with ExitStack() as stack:
        views, reason = None, ""
        try:
            views = stack.enter_context(open_mouth_views(subject, landmarker))
        except SubjectError as e:
            reason = str(e)
        film = stack.enter_context(_open_film(out, subject, sound)) if out is not None else None
        report = evaluate_frames(rendered(film), subject, refs, views, lpips)
    if views is None:
        report = replace(report, lips=LipScores(empty=_no_lips(reason)))
    report = replace(_against_sound(report, sound), notes=(*report.notes, *notes))
    if out is not None:
        write_image(out / SHEET_NAME, contact_sheet(rows))
    return report


def example_frames(
    render: Callable[[FrameRef], DrivenFrame], subject: Subject, report: EvaluationReport
) -> list[SheetRow]:
    """The best, the median and the worst frame of a report by PSNR, drawn once more."""
    refs = {ref.img_id: ref for ref in subject.val}
    ranked = sorted(report.frames, key=lambda f: -(f.regions["whole"].psnr or 0.0))
    examples = []
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    for name, place in places.items():
        frame = ranked[place]
        ref = refs[frame.img_id]
        drawn, truth = render(ref), read_image(subject.paths.image(ref.img_id))
        label = f"{name}: frame {ref.img_id}, {frame.regions['whole'].psnr:.2f} dB"
        examples.append(SheetRow(label, truth, drawn.image, drawn.dynamic))
    return examples


def _open_film(out: Path, subject: Subject, sound: Float32[np.ndarray, " n"] | None) -> VideoWriter:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise MediaError(f"{out} cannot be made: {e.strerror}") from e
    height, width = _side_by_side(subject.background, subject.background).shape[:2]
    return VideoWriter(out / VIDEO_NAME, width, height, audio=sound, crf=VIDEO_CRF)


def _side_by_side(truth: Image, rendered: Image) -> UInt8[np.ndarray, "y x 3"]:
    pair = np.concatenate([truth, rendered], axis=1)
    shrink = VIDEO_SIDE / max(truth.shape[:2])
    if shrink >= 1:
        return pair
    return np.asarray(cv2.resize(pair, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))


def _against_sound(
    report: EvaluationReport, sound: Float32[np.ndarray, " n"] | None
) -> EvaluationReport:
    """The report with both mouths' scores against what is heard."""
    if sound is None:
        reason = "the subject's folder holds no aud.wav: prepare it again, or put the sound there"
        return replace(report, empty={**report.empty, "sound": reason})
    level = sound_level(sound, len(report.frames))

    def sync(apertures: list[float | None]) -> SoundSync | None:
        found = np.array([a is not None for a in apertures])
        return sound_sync(np.array([a or 0.0 for a in apertures]), level, found)

    ours, true = ([getattr(f, n) for f in report.frames] for n in ("aperture", "true_aperture"))
    return replace(report, sound=sync(ours), true_sound=sync(true))


def evaluate_frames(
    rendered: Iterable[DrivenFrame],
    subject: Subject,
    refs: Sequence[FrameRef],
    views: MouthViews | None = None,
    lpips: Perceptual | None = None,
) -> EvaluationReport:
    """Score rendered frames against the subject's own at `refs`; see `evaluate_head`.

    `views` None leaves the lips empty.
    """
    frames: list[FrameScores] = []
    seen: list[SeenMouth | None] = []
    true_seen: list[SeenMouth | None] = []
    known = []
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
        frames.append(_frame_scores(ref, regions, a, b))
    if views is None:
        lips = LipScores(empty=_no_lips("nothing to read landmarks with"))
    else:
        accuracy = _accuracy(true_seen, np.array(known))
        lips = lip_scores(mouth_track(seen), mouth_track(true_seen), views.name, accuracy)
    empty: dict[str, str] = {}
    if lpips is None:
        empty["lpips"] = NO_LPIPS
    elif any(r.lpips is None for f in frames for r in f.regions.values()):
        empty["lpips"] = f"left out where a region is smaller than {SMALLEST_LPIPS} px"
    if any(r.ssim is None for f in frames for r in f.regions.values()):
        empty["ssim"] = "left out where a region lies within 5 px of the border"
    expression = _expression(seen, true_seen)
    if expression.bse_upper is None:
        empty["bse"] = "needs MediaPipe's landmarker, and that it reads this face"
    return EvaluationReport(tuple(frames), lips, empty, NOTES, expression=expression)


def evaluate_speech_drive(
    frames: Iterable[Image],
    refs: Sequence[FrameRef],
    true_aperture: Float[np.ndarray, " t"],
    reader: MouthReader,
) -> LipScores:
    """MAC of a drive by speech whose true mouth aperture is known.

    Args:
        frames: The T driven frames.
        refs: The frame whose pose each of them has.
        true_aperture: What the speaker's mouth did, in any linear scale.
        reader: Fitted on the subject that was driven.

    Returns:
        Scores without LMD: the true landmarks of another pose are not known.
    """
    track = reader.read(frames, refs)
    scores = aperture_scores(track.aperture, np.asarray(true_aperture), MouthReader.name)
    accuracy = reader.accuracy.aperture if reader.accuracy else None
    empty = {**scores.empty, "lmd": "the true landmarks are not known in this pose"}
    return replace(scores, source_accuracy=accuracy, empty=empty)


def score_regions(
    image: Image,
    truth: Image,
    landmarks: Float[np.ndarray, "68 2"],
    lpips: Perceptual | None = None,
) -> dict[str, RegionScores]:
    """Image metrics of the whole frame, its face box and its mouth box."""
    height, width = truth.shape[:2]
    boxes: dict[str, Box] = {
        "whole": (0, 0, width, height),
        "face": face_box(landmarks, height, width),
        "mouth": mouth_box(landmarks, height, width),
    }
    similarity = metrics.ssim_map(image, truth)
    scores = {}
    for name, box in boxes.items():
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
    return {name: reason for name in ("lmd", "mac", "lag", "mac_at_lag", "spread")}
