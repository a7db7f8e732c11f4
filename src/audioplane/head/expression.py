"""From a frame's expression to the code that deforms the upper face."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

BLINK = 2
"""Numbers of an expression that is no more than the closure of the image-left and image-right eye,
0 to 1."""

_WIDENED = 0.25
"""How far beyond the training's range, in its own width, an expression may go."""
_PERCENTILES = (0.5, 99.5)
"""A single frame that the tracker got wrong does not count."""


class Range(NamedTuple):
    """What a person's expressions are, number by number."""

    rest: Float[Tensor, " e"]
    """The median."""
    low: Float[Tensor, " e"]
    high: Float[Tensor, " e"]


class ExpressionCode(nn.Module):
    """The code of an expression: its numbers, kept within what was trained on, through two layers.

    Args:
        numbers: Of an expression.
        code: Length of a code.
    """

    rest: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, numbers: int, code: int):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(numbers, 32), nn.ReLU(), nn.Linear(32, code))
        self.register_buffer("rest", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))
        self.register_buffer("low", torch.zeros(numbers))
        self.register_buffer("high", torch.ones(numbers))

    @torch.no_grad()
    def learn_range(self, expressions: Float[np.ndarray, "t e"], least: Sequence[float]) -> None:
        """Take rest, scale and range from those of the training frames.

        `least` is the half width, number by number, below which a number counts as still: noise of
        the tracker is not magnified.
        """
        low, rest, high = np.percentile(expressions, (_PERCENTILES[0], 50, _PERCENTILES[1]), axis=0)
        margin = _WIDENED * (high - low)
        scale = np.maximum((high - low) / 2, least)
        rows = {"rest": rest, "scale": scale, "low": low - margin, "high": high + margin}
        for name, row in rows.items():
            getattr(self, name).copy_(torch.from_numpy(row))

    @property
    def range(self) -> Range:
        """What the training's expressions were, on the CPU."""
        return Range(self.rest.cpu(), self.low.cpu(), self.high.cpu())

    def forward(self, expression: Float[Tensor, " e"]) -> Float[Tensor, " k"]:
        """The code; of an expression beyond the training's range, that of the nearest in it."""
        within = torch.minimum(torch.maximum(expression, self.low), self.high)
        return self.network((within - self.rest) / self.scale)
