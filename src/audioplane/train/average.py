"""A moving average of a head's weights, in which what single pictures push to and fro cancels."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from audioplane.head import Head
from audioplane.train.checkpoint import head_tensors

EVERY = 20
"""Iterations between two additions."""
_DECAY = 0.98
"""So that an addition counts for about a thousand iterations."""


class WeightAverage:
    """Exponential moving average of all weights and Gaussians, whose number must not change."""

    def __init__(self):
        self.tensors: dict[str, Tensor] = {}
        """The average by name; empty before the first addition."""
        self.count = 0

    @torch.no_grad()
    def add(self, head: Head) -> None:
        """Take in the weights as they are now. The first additions count for more."""
        decay = min(_DECAY, self.count / (self.count + 1))
        for name, tensor in _weights(head).items():
            if self.count:
                self.tensors[name].lerp_(tensor, 1 - decay)
            else:
                self.tensors[name] = tensor.clone()
        self.count += 1

    @contextmanager
    def shown_by(self, head: Head) -> Iterator[None]:
        """The head has the average for its weights, if there is one, and its own again after."""
        own = {name: tensor.clone() for name, tensor in _weights(head).items()}
        _put(self.tensors, head)
        try:
            yield
        finally:
            _put(own, head)


def _weights(head: Head) -> dict[str, Tensor]:
    return {k: v.detach() for k, v in head_tensors(head).items() if v.is_floating_point()}


@torch.no_grad()
def _put(tensors: dict[str, Tensor], head: Head) -> None:
    weights = _weights(head)
    for name, tensor in tensors.items():
        weights[name].copy_(tensor)
