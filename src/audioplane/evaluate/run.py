"""`audioplane evaluate`: a run's head on the held-out frames of its subject."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import Progress
from torch import Tensor

from audioplane import __version__
from audioplane.cli.console import console, progress_bar
from audioplane.drive import Animator, DrivenFrame
from audioplane.drive.talker import open_animator
from audioplane.errors import SpeechError
from audioplane.evaluate import EvaluationReport, evaluate_head, example_frames
from audioplane.evaluate.evaluate import EXAMPLES, NO_LPIPS, VIDEO_NAME
from audioplane.evaluate.evaluation import Evaluation, write_text
from audioplane.evaluate.figures.attention import strongest_prototypes
from audioplane.evaluate.figures.contact_sheet import SheetRow
from audioplane.evaluate.figures.curves import read_curves
from audioplane.evaluate.figures.dynamism import draw_dynamism
from audioplane.evaluate.page import PageContents, evaluation_page
from audioplane.evaluate.provenance import Provenance, git_commit, package_versions
from audioplane.evaluate.scores.metrics import Image
from audioplane.evaluate.scores.sound import sound_of
from audioplane.evaluate.speed import measure_speed
from audioplane.evaluate.syncnet import (
    NO_SYNCNET,
    SYNCNET_NOTE,
    SyncJudge,
    SyncNet,
    SyncScores,
    held_out_sync,
)
from audioplane.head import refine_view
from audioplane.media.image import read_image
from audioplane.perceptual import LPIPS
from audioplane.prepare.models import FACE_LANDMARKER, file_sha256, local_model
from audioplane.speech import require_kind
from audioplane.subject import FrameRef, Subject
from audioplane.train import RunPaths, TrainedHead, load_head
from audioplane.train.run import name_loss

METRICS_NAME, PAGE_NAME = "metrics.json", "report.html"
_POSE_NOTES = {
    "tracked": "poses of the held-out frames as the tracker saw them",
    "refined": "poses of the held-out frames refined against these frames with the head frozen: "
    "the ground truth was looked at",
}
_LPIPS_NOTE = "LPIPS v0.1 on AlexNet"
_SHOWN_FRAMES = 250
"""Of held-out speech on the map of the prototypes: more would be narrower than a pixel."""


@dataclass(frozen=True)
class _OpenRun:
    """A run's head before its subject, which speaks its own words."""

    trained: TrainedHead
    animator: Animator
    features: Float[np.ndarray, "t w f"]
    codes: Float[Tensor, "t k"]

    def row(self, ref: FrameRef) -> int:
        """Row of the speech that belongs to a frame."""
        return min(ref.aud_id, len(self.codes) - 1)


def evaluate_run(
    run: Path,
    out: Path,
    subject: Path | None,
    landmarker: Path | None,
    poses: str,
    device: torch.device | str = "cpu",
    lpips: LPIPS | None = None,
    syncnet: SyncNet | None = None,
) -> Evaluation:
    """Score a run and write `metrics.json`, `report.html` and, by the kind of held-out poses, a
    contact sheet and a film, into `out`."""
    trained = load_head(run)
    animator = open_animator(trained, subject, device)
    features = animator.subject.features(trained.config.speech)
    opened = _OpenRun(trained, animator, features, animator.codes(features))
    kinds = ("tracked", "refined") if poses == "both" else (poses,)
    reports: dict[str, EvaluationReport] = {}
    examples: list[SheetRow] = []
    with progress_bar() as bar:
        judge = SyncJudge(syncnet, local_model(FACE_LANDMARKER, landmarker))
        sync = _sync_scorer(animator.subject, judge, bar)
        images = animator.subject.paths.image
        true_scores = sync("recording", lambda ref: read_image(images(ref.img_id)))
        for kind in kinds:
            count = len(animator.subject.val) + (0 if examples else EXAMPLES)
            task = bar.add_task(f"evaluate, poses {kind}", total=count, note="")
            render = _renderer(opened, kind, lambda task=task: bar.advance(task))
            extra = ((_LPIPS_NOTE, lpips), (SYNCNET_NOTE, syncnet))
            notes = (_POSE_NOTES[kind], *(note for note, network in extra if network))
            score = lpips.score if lpips else None
            reports[kind] = evaluate_head(
                render, animator.subject, out / kind, landmarker, score, notes
            )
            drawn = _renderer(opened, "tracked", lambda: None)  # poses stay as they were placed
            scores = sync(f"render, poses {kind}", lambda ref, drawn=drawn: drawn(ref).image)
            reports[kind] = replace(reports[kind], syncnet=scores, true_syncnet=true_scores)
            if not examples:
                examples = example_frames(render, animator.subject, reports[kind])
    with console.status("looking into the head"):
        evaluation = _finish(opened, run, reports, landmarker, lpips, syncnet)
        contents = _page_contents(opened, run, evaluation, out, examples)
    write_text(out / METRICS_NAME, evaluation.to_json())
    write_text(out / PAGE_NAME, evaluation_page(contents))
    return evaluation


def _sync_scorer(
    person: Subject, judge: SyncJudge, bar: Progress
) -> Callable[[str, Callable[[FrameRef], Image]], SyncScores]:
    """Scores what a function shows of the held-out frames."""

    def score(what: str, show: Callable[[FrameRef], Image]) -> SyncScores:
        if judge.missing:
            return SyncScores(empty=judge.missing)
        refs = person.val
        task = bar.add_task(f"SyncNet on the {what}", total=2 * len(refs), note="")
        scores = held_out_sync(
            lambda: map(show, refs), person, refs, judge, lambda n: bar.advance(task, n)
        )
        bar.update(task, completed=2 * len(refs))
        return scores

    return score


def _renderer(
    opened: _OpenRun, kind: str, tick: Callable[[], None]
) -> Callable[[FrameRef], DrivenFrame]:
    """Draws held-out frames in poses of a kind."""
    animator, person = opened.animator, opened.animator.subject
    placed: set[int] = set()

    def render(ref: FrameRef) -> DrivenFrame:
        code = opened.codes[opened.row(ref)]
        if kind == "refined" and ref.img_id not in placed:
            frame = person.frame(ref)
            gaussians, _ = animator.deformed(code, ref)
            grey = torch.full((3,), 0.5, device=gaussians.means.device)
            pixels, inside = (torch.from_numpy(x).to(grey) for x in (frame.image, frame.head))
            target = torch.where(inside[..., None] > 0, pixels / 255, grey)
            view = refine_view(gaussians, animator.view(ref), target, grey)
            animator.place(ref, view)
            placed.add(ref.img_id)
        tick()
        return animator.draw(code, ref, person.plate(ref))

    return render


def _finish(
    opened: _OpenRun,
    run: Path,
    reports: dict[str, EvaluationReport],
    landmarker: Path | None,
    lpips: LPIPS | None,
    syncnet: SyncNet | None,
) -> Evaluation:
    """The scores with the head's speed and origin."""
    trained, person = opened.trained, opened.animator.subject
    kind = trained.config.speech
    sound = sound_of(person, person.train) if _can_listen(kind) else None
    model = local_model(FACE_LANDMARKER, landmarker)
    weights = {
        "face_landmarker.task": file_sha256(model) if model else "not found: 'prepare' fetches it",
        "LPIPS": _lpips_files(lpips) if lpips else NO_LPIPS,
        "SyncNet": _sync_file(syncnet) if syncnet else NO_SYNCNET,
    }
    made = Provenance(
        audioplane=__version__,
        git_commit=git_commit(),
        versions=package_versions(),
        device=str(opened.animator.head.device),
        head_sha256=file_sha256(RunPaths(run).head),
        iteration=trained.iteration,
        seed=trained.config.seed,
        speech=kind,
        loss=name_loss(trained.config),
        subject=person.paths.root.name,
        subject_identity=person.identity,
        weights=weights,
    )
    speed = measure_speed(opened.animator, opened.features, sound, kind)
    return Evaluation(reports, speed, made)


def _can_listen(kind: str) -> bool:
    """Whether features of a kind can be computed here and now."""
    try:
        require_kind(kind)
    except SpeechError:
        return False
    return True


def _lpips_files(lpips: LPIPS) -> str:
    files = lpips.files
    if files is None:
        return _LPIPS_NOTE
    return ", ".join(f"{p.name} {file_sha256(p)}" for p in (files.backbone, files.heads))


def _sync_file(syncnet: SyncNet) -> str:
    return f"{syncnet.file.name} {file_sha256(syncnet.file)}" if syncnet.file else "given"


def _page_contents(
    opened: _OpenRun, run: Path, evaluation: Evaluation, out: Path, examples: list[SheetRow]
) -> PageContents:
    animator, person = opened.animator, opened.animator.subject
    rows = np.array([opened.row(ref) for ref in person.val])
    film = out / next(iter(evaluation.reports)) / VIDEO_NAME
    return PageContents(
        evaluation=evaluation,
        film=film.read_bytes(),
        examples=examples,
        sound=sound_of(person, person.val),
        curves=read_curves(RunPaths(run).events),
        prototypes=strongest_prototypes(
            animator.head, person, opened.features, rows[:_SHOWN_FRAMES]
        ),
        dynamism=draw_dynamism(animator, opened.codes[rows], person.val),
    )
