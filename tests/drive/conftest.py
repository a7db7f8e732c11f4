"""A head that is quickly made, before its subject."""

import pytest
import torch

from audioplane.drive import Animator
from audioplane.run import SubjectFootage
from audioplane.train import Trainer
from tests.train.configs import TINY


@pytest.fixture(scope="module")
def head(spoken_subject):
    """A head as training starts it, with a deformation field that does something."""
    trainer = Trainer(spoken_subject, TINY)
    trainer.frames.close()
    torch.nn.init.normal_(trainer.head.field.output.weight, std=0.3)
    trainer.head.encoder.calibrate(trainer.batches.windows)
    trainer.head.gaussians.logits.requires_grad_(False).fill_(2.0)
    return trainer.head.requires_grad_(False)


@pytest.fixture(scope="module")
def animator(head, spoken_subject):
    views = {r.img_id: torch.from_numpy(r.viewmat).float() for r in spoken_subject.train[:20]}
    return Animator(head, SubjectFootage.of(spoken_subject, list(views)), views)
