"""`audioplane evaluate`: a run's head on the held-out frames of its subject."""

from pathlib import Path

import torch

from audioplane.cli.console import progress_bar
from audioplane.cli.drive import open_animator
from audioplane.drive import Animator, DrivenFrame
from audioplane.evaluate import EvaluationReport, evaluate_head
from audioplane.perceptual import LPIPS
from audioplane.subject import FrameRef, Subject
from audioplane.train import load_head
from audioplane.train.poses import refine_view

_POSE_NOTES = {
    "tracked": "poses of the held-out frames as the tracker saw them",
    "refined": "poses of the held-out frames refined against these frames with the head frozen: "
    "the ground truth was looked at",
}


_LPIPS_NOTE = "LPIPS v0.1 on AlexNet"


def evaluate_run(
    run: Path,
    out: Path,
    subject: Path | None,
    landmarker: Path | None,
    poses: str,
    device: torch.device | str = "cpu",
    lpips: LPIPS | None = None,
) -> dict[str, EvaluationReport]:
    """Reports by the kind of held-out poses, "tracked" and "refined"."""
    trained = load_head(run)
    animator = open_animator(trained, subject, device)
    person = animator.subject
    features = person.features(trained.config.speech)
    codes = animator.codes(features)
    kinds = ("tracked", "refined") if poses == "both" else (poses,)
    reports = {}
    with progress_bar() as bar:
        for kind in kinds:
            task = bar.add_task(f"evaluate, poses {kind}", total=len(person.val), note="")

            def render(ref: FrameRef, kind: str = kind, task=task) -> DrivenFrame:
                code = codes[min(ref.aud_id, len(codes) - 1)]
                if kind == "refined":
                    animator.place(ref, _refined(animator, person, ref, code))
                bar.advance(task)
                return animator.draw(code, ref, person.plate(ref))

            notes = (_POSE_NOTES[kind], *([_LPIPS_NOTE] if lpips else []))
            score = lpips.score if lpips else None
            reports[kind] = evaluate_head(render, person, out / kind, landmarker, score, notes)
    return reports


def _refined(
    animator: Animator, person: Subject, ref: FrameRef, code: torch.Tensor
) -> torch.Tensor:
    frame = person.frame(ref)
    gaussians, _ = animator.deformed(code, ref)
    return refine_view(gaussians, animator.view(ref), frame.image, frame.head)
