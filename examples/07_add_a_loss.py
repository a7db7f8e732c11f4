"""A custom loss: python examples/07_add_a_loss.py SUBJECT out

A loss is a function of a training step; its weight is given beside it. Here the lower face
may not be darker or brighter than the recording on average, against flicker of the exposure.
"""

import sys

from torch import Tensor

import audioplane as ap
from audioplane.train.losses import Step


def exposure(step: Step) -> Tensor:
    """Squared difference of the mean colour of render and recording."""
    return (step.image.mean((0, 1)) - step.target.mean((0, 1))).square().sum()


subject, out = sys.argv[1:3]
losses = {"exposure": (0.5, exposure)}
events = list(ap.train_head(subject, out, config="demo", iterations=100, extra_losses=losses))
print(events[-1])
