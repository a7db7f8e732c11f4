"""A run folder of an untrained head that moves, quickly made."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch

from audioplane.run import Run, RunPaths, TrainedHead, open_run, write_head
from audioplane.subject import Subject, load_subject, save_body
from audioplane.synthetic import make_synthetic
from audioplane.train import Trainer
from tests.train.configs import TINY


def make_run(
    folder: Path,
    subject: Subject,
    consent: str = "the synthetic subject",
    torso: Literal["recorded", "model"] = "recorded",
    expression: Literal["blink", "upper-face"] = "blink",
) -> Path:
    """A head as training starts it, whose deformation field does something, of 20 frames."""
    trainer = Trainer(subject, TINY.with_changes(model={"torso": torso, "expression": expression}))
    trainer.frames.close()
    torch.nn.init.normal_(trainer.head.field.output.weight, std=0.3)
    trainer.head.encoder.calibrate(trainer.batches.windows)
    views = {r.img_id: torch.from_numpy(r.viewmat).float() for r in subject.train[:20]}
    bodies = {}
    if torso == "model":
        refs = subject.train[:20]
        bodies = {r.img_id: torch.from_numpy(subject.body_view(r)).float() for r in refs}
    head = trainer.head.requires_grad_(False)
    trained = TrainedHead(head, "mel", subject.identity, views, bodies, consent=consent)
    write_head(RunPaths(folder).head, trained)
    return folder


def make_modelled_run(root: Path) -> Run:
    """The run of a head with a modelled torso that moves, hears mel and has 160 x 160 pixels.

    Cells of the mark that are 2.5 pixels wide survive a recording.
    """
    truth = make_synthetic(
        root / "subject", seconds=2.2, size=160, seed=3, kinds=("mel",), moving_body=True
    )
    motion = truth.body_viewmats @ np.linalg.inv(truth.body_viewmats[0])
    motion[0] = np.eye(4)
    save_body(root / "subject/body.npy", motion)
    folder = make_run(root / "run", load_subject(root / "subject"), torso="model")
    return open_run(folder, root / "subject")
