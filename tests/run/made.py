"""A run folder of an untrained head that moves, quickly made."""

from pathlib import Path
from typing import Literal

import torch

from audioplane.run import RunPaths, TrainedHead, write_head
from audioplane.subject import Subject
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
