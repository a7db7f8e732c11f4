"""Corrections of the training frames' poses (`head/poses.py`), and their optimiser."""

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.train.optim import SparseAdam


class PoseTable:
    """Corrections of all training frames and their optimiser.

    On the CPU always: a GPU takes longer to start work on six numbers than it would save.
    """

    def __init__(self, n: int):
        self.corrections = torch.zeros(n, 6, requires_grad=True)
        self.corrections.grad = torch.zeros_like(self.corrections)
        self.touched = torch.zeros(n, dtype=torch.uint8)
        self.adam = SparseAdam(self.corrections, self.touched)

    def row(self, i: int) -> Float[Tensor, "6"]:
        """One frame's correction; its gradient lands in the table."""
        self.touched[i] = 1
        return self.corrections[i]

    @torch.no_grad()
    def centre(self) -> None:
        """Remove the mean correction: the head as a whole shall not wander."""
        self.corrections -= self.corrections.mean(0)
