"""Exponential moving average (EMA) of a head's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from audioplane.head import Head
from audioplane.run.head_file import head_tensors

EVERY = 20
"""Iterations between two additions."""
_DECAY = 0.98
"""So that an addition counts for about a thousand iterations."""


class WeightAverage:
    """EMA of all parameters and Gaussians, whose number must not change."""

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
        """The head has the EMA for its weights, if there is one, and its own again after.

        Buffers, such as the statistics of the audio encoder, stay as they are set meanwhile.
        """
        own = {name: tensor.clone() for name, tensor in _weights(head).items()}
        _put(self.tensors, head)
        try:
            yield
        finally:
            _put(own, head)


def _weights(head: Head) -> dict[str, Tensor]:
    buffers = {f"head/{name}" for name, _ in head.named_buffers()} | {"head/driver"}
    return {k: x for k, x in head_tensors(head).items() if k not in buffers}


@torch.no_grad()
def _put(tensors: dict[str, Tensor], head: Head) -> None:
    for name, weight in _weights(head).items():
        if name in tensors:
            weight.copy_(tensors[name])
