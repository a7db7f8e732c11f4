"""Evaluation of a run: its head on the held-out frames of its subject."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from audioplane import __version__
from audioplane.assets import sha256_of, write_text
from audioplane.clock import spread_over
from audioplane.credentials import Provenance
from audioplane.drive import Animator, DrivenFrame
from audioplane.drive.opening import Articulation
from audioplane.errors import ModelError, PoseError, SpeechError
from audioplane.evaluate.figures.attention import strongest_prototypes
from audioplane.evaluate.figures.contact_sheet import SheetRow, contact_sheet
from audioplane.evaluate.figures.curves import read_curves
from audioplane.evaluate.figures.dynamism import draw_dynamism
from audioplane.evaluate.figures.videos import BOTH_NAME, held_out_videos, video_provenance
from audioplane.evaluate.heldout import Draw, HeldOut, Show, rows_of, score_head
from audioplane.evaluate.page import PageContents, evaluation_page
from audioplane.evaluate.report import Evaluation, ScoreReport
from audioplane.evaluate.scores.metrics import Image
from audioplane.evaluate.scores.sound import sound_of
from audioplane.evaluate.scores.visemes import VISEME_NOTE
from audioplane.evaluate.setup import EvaluationSetup, git_commit, package_versions
from audioplane.evaluate.speed import Speed, measure_speed
from audioplane.evaluate.streaks import Streaks, measure_streaks
from audioplane.evaluate.syncnet import SYNCNET_NOTE, SyncNet, SyncScores, held_out_sync
from audioplane.evaluate.tools import LPIPS_NOTE, Tools
from audioplane.media.image import read_image, write_image
from audioplane.perceptual import LPIPS
from audioplane.progress import Counter, Progress, Report, ignore
from audioplane.run import Run, RunPaths, open_run
from audioplane.speech import require_kind
from audioplane.splat.device import choose_device
from audioplane.subject import FrameRef, Subject
from audioplane.subject.expression import BLINK

METRICS_NAME, PAGE_NAME = "metrics.json", "report.html"
SHEET_NAME = "contact_sheet.png"
SHEET_FRAMES = 8
"""Frames on the contact sheet, evenly spread."""

Poses = Literal["tracked", "refined", "both"]
_POSE_NOTES = {
    "tracked": "poses of the held-out frames as tracked",
    "refined": "poses of the held-out frames refined against these frames with the head frozen: "
    "the ground truth was used",
}
_TORSO_NOTES = {
    "recorded": "torso: recorded, the real one of each frame, as is the background",
    "model": "torso: modelled, in the held-out frames' own pose of the body; background: real",
}
_FACE_NOTE = "each held-out frame's own, as recorded"
_SHOWN_FRAMES = 250
"""Seconds of held-out speech on the map of the prototypes: more would be narrower than a pixel."""


@dataclass(frozen=True)
class _Work:
    """What every step of one evaluation needs."""

    run: Run
    subject: Subject
    features: Float[np.ndarray, "t w f"]
    """Of the subject's own speech."""
    codes: Float[Tensor, "t k"]
    """Of the same."""
    held_out: HeldOut
    """In the tracked poses."""
    sound: Float32[np.ndarray, " n"] | None
    """The sound of the held-out frames."""
    tools: Tools
    report: Report


def evaluate(  # noqa: PLR0913 - one keyword a question that a caller may have
    run: Run | Path | str,
    *,
    subject: Path | str | None = None,
    out: Path | str | None = None,
    poses: Poses = "both",
    lpips: LPIPS | None = None,
    syncnet: SyncNet | None = None,
    landmarker: Path | None = None,
    device: torch.device | str = "auto",
    report: Report | None = None,
) -> Evaluation:
    """Score a trained head on its subject's held-out frames.

    Each held-out frame is rendered from the subject's own speech (codes float32 [t, k]) at its own
    pose over its own torso, uint8 [h, w, 3], and compared with the recording: PSNR in dB, SSIM,
    L1 from 0 to 1, LPIPS, LMD in pixels, MAC from −1 to 1, SyncNet, blendshape errors
    (docs/evaluation.md). Frames are scored as rendered, neither marked nor encoded; videos of
    them are both.

    Args:
        run: An open run, or its folder or pack.
        subject: Its subject's folder, if that has moved since the training.
        out: Folder for `metrics.json`, `report.html` and, for each kind of poses, a contact sheet
            and the videos `recording.mp4`, `render.mp4` and, of both, `side_by_side.mp4`; None
            writes nothing.
        poses: Of the held-out frames: as tracked, refined against them with the head frozen, or
            both.
        lpips: LPIPS on AlexNet (`LPIPS.load`); None leaves its cells empty.
        syncnet: SyncNet (`SyncNet.load`); None leaves its cells empty.
        landmarker: MediaPipe's `face_landmarker.task`; None looks where model files are kept and
            does without if it is not there.
        device: "auto", "cpu" or "cuda".
        report: Receives the progress.

    Returns:
        The scores by the kind of poses, the head's speed, and what they were measured with.

    Raises:
        CheckpointError: There is no trained head, or it is damaged.
        SubjectError: The subject is not there, is another one, or has no held-out frame.
        MediaError: An image is damaged, or `out` cannot be written.
        ModelError: `landmarker` is not a file.
        DeviceError: The device cannot be used here.
        PoseError: `poses` is none of these words.
        CredentialsError: `out` is given, and the key of the mark can be neither read nor made.
    """
    if poses not in get_args(Poses):
        raise PoseError(f"poses={poses!r}: choose tracked, refined or both")
    folder = None if out is None else Path(out)
    chosen = choose_device(device).device if isinstance(device, str) else device
    opened = run if isinstance(run, Run) else open_run(run, subject)
    work = _work(opened, chosen, Tools(landmarker, lpips, syncnet), report or ignore)
    kinds: tuple[str, ...] = ("tracked", "refined") if poses == "both" else (poses,)
    recording = work.subject.paths.image
    true_sync = _sync(work, "recording", lambda ref: read_image(recording(ref.img_id)))
    reports: dict[str, ScoreReport] = {}
    drawn: dict[str, HeldOut] = {}
    streaks = _streaks(work)
    for kind in kinds:
        drawn[kind] = work.held_out if kind == "tracked" else _refined(work)
        with _figures(work, folder and folder / kind) as show:
            scores = _score(work, kind, drawn[kind], show)
        sync = _sync(work, f"render, poses {kind}", lambda ref, x=drawn[kind]: x.draw(ref).image)
        reports[kind] = replace(scores, syncnet=sync, true_syncnet=true_sync, streaks=streaks)
    evaluation = Evaluation(reports, _speed(work), _setup(work))
    if folder is not None:
        work.report(Progress("write the report"))
        write_text(folder / METRICS_NAME, evaluation.to_json())
        write_text(folder / PAGE_NAME, evaluation_page(_contents(work, evaluation, drawn, folder)))
    return evaluation


def _work(run: Run, device: torch.device, tools: Tools, report: Report) -> _Work:
    person = run.subject
    lips = Articulation(opening=run.opening)
    animator = Animator(run.head.to(device), run.subject_footage, run.views, run.bodies, lips)
    features = person.features(run.speech)
    codes = animator.codes(features)
    held_out = HeldOut.of(animator, person, codes)
    sound = sound_of(person, person.val) if person.val else None
    return _Work(run, person, features, codes, held_out, sound, tools, report)


def _refined(work: _Work) -> HeldOut:
    """The held-out frames in refined poses."""
    held_out, person = work.held_out, work.subject
    step = Counter(work.report, "refine the held-out poses", len(person.val))
    views, bodies = dict(work.run.views), dict(work.run.bodies)
    for ref in person.val:
        view = held_out.refined_view(ref)
        views[ref.img_id] = view.viewmat
        if view.body is not None:
            bodies[ref.img_id] = view.body
        step()
    animator = Animator(work.run.head, held_out.animator.footage, views, bodies)
    return replace(held_out, animator=animator)


def _score(work: _Work, kind: str, held_out: HeldOut, show: Show) -> ScoreReport:
    """Scores of one kind of poses, without SyncNet's."""
    step = Counter(work.report, f"score, poses {kind}", len(work.subject.val))

    def draw(ref: FrameRef) -> DrivenFrame:
        step()
        return held_out.draw(ref)

    tools = work.tools
    scores = score_head(draw, work.subject, tools.landmarker, tools.perceptual, work.sound, show)
    extra = ((LPIPS_NOTE, tools.lpips), (SYNCNET_NOTE, tools.syncnet))
    head = work.run.head
    drawn = [_TORSO_NOTES[work.run.torso], _POSE_NOTES[kind]]
    if len(head.moving()[1]):
        parts = "lids" if head.shape.expression == BLINK else "brows, lids and gaze"
        drawn.append(f"{parts}: {_FACE_NOTE}")
    heard = () if scores.visemes.missing else (VISEME_NOTE,)
    notes = (*drawn, *heard, *(note for note, network in extra if network))
    return replace(scores, notes=(*scores.notes, *notes))


def _sync(work: _Work, what: str, image: Callable[[FrameRef], Image]) -> SyncScores:
    """SyncNet on the held-out frames as a function renders them."""
    judge, refs = work.tools.judge(), work.subject.val
    if judge.missing:
        return SyncScores(empty=judge.missing)
    step = Counter(work.report, f"SyncNet on the {what}", 2 * len(refs))
    scores = held_out_sync(lambda: map(image, refs), work.subject, refs, judge, step)
    step.finish()
    return scores


def _streaks(work: _Work) -> Streaks:
    """Streaks around recorded poses, with the lips of these frames."""
    work.report(Progress("look for streaks at turned poses"))
    return measure_streaks(work.held_out.animator, work.codes)


@contextmanager
def _figures(work: _Work, folder: Path | None) -> Iterator[Show]:
    """Writes videos and a contact sheet of the frames; nothing without a folder."""
    if folder is None:
        yield lambda ref, truth, frame: None
        return
    person = work.subject
    chosen = {person.val[i].img_id for i in spread_over(len(person.val), SHEET_FRAMES)}
    rows: list[SheetRow] = []
    height, width = person.background.shape[:2]
    with held_out_videos(folder, (width, height), work.sound, _provenance(work)) as write:

        def show(ref: FrameRef, truth: Image, frame: DrivenFrame) -> None:
            write(truth, frame.image)
            if ref.img_id in chosen:
                rows.append(SheetRow(f"frame {ref.img_id}", truth, frame.image, frame.dynamic))

        yield show
    write_image(folder / SHEET_NAME, contact_sheet(rows))


def _provenance(work: _Work) -> Provenance:
    """What the video states of how it was made; an evaluation does not ask who agreed."""
    sound = work.subject.paths.audio
    speech = sha256_of(sound) if sound.exists() else ""
    return video_provenance(work.run.sha256, work.run.consent, speech)


def _speed(work: _Work) -> Speed:
    work.report(Progress("measure the speed"))
    kind, person = work.run.speech, work.subject
    sound = sound_of(person, person.train) if _computable(kind) else None
    return measure_speed(work.held_out.animator, work.features, sound, kind)


def _computable(kind: str) -> bool:
    """Whether features of a kind can be computed here."""
    try:
        require_kind(kind)
    except (ModelError, SpeechError):
        return False
    return True


def _setup(work: _Work) -> EvaluationSetup:
    run, person = work.run, work.subject
    return EvaluationSetup(
        audioplane=__version__,
        git_commit=git_commit(),
        versions=package_versions(),
        device=str(run.head.device),
        head_sha256=run.sha256,
        iteration=run.iteration,
        seed=run.seed,
        speech=run.speech,
        loss=run.loss,
        subject=person.paths.root.name,
        subject_identity=person.identity,
        weights=work.tools.weights(),
    )


def _contents(
    work: _Work, evaluation: Evaluation, drawn: dict[str, HeldOut], folder: Path
) -> PageContents:
    person, held_out = work.subject, work.held_out
    first = next(iter(drawn))
    codes = torch.stack([held_out.codes[ref.img_id] for ref in person.val])
    shown = np.array(rows_of(person.val, len(work.features)))[:_SHOWN_FRAMES]
    return PageContents(
        evaluation=evaluation,
        video=(folder / first / BOTH_NAME).read_bytes(),
        examples=example_frames(drawn[first].draw, person, evaluation.reports[first]),
        sound=work.sound,
        curves=read_curves(RunPaths(work.run.path).events),
        prototypes=strongest_prototypes(work.run.head, person, work.features, shown),
        dynamism=draw_dynamism(held_out.animator, codes, person.val),
    )


def example_frames(draw: Draw, subject: Subject, report: ScoreReport) -> list[SheetRow]:
    """The best, the median and the worst frame of a report by PSNR, rendered again."""
    refs = {ref.img_id: ref for ref in subject.val}
    ranked = sorted(report.frames, key=lambda f: -(f.regions["whole"].psnr or 0.0))
    examples = []
    for name, place in (("best", 0), ("median", len(ranked) // 2), ("worst", len(ranked) - 1)):
        frame = ranked[place]
        ref = refs[frame.img_id]
        drawn, truth = draw(ref), read_image(subject.paths.image(ref.img_id))
        label = f"{name}: frame {ref.img_id}, {frame.regions['whole'].psnr:.2f} dB"
        examples.append(SheetRow(label, truth, drawn.image, drawn.dynamic))
    return examples
