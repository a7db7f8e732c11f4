"""Adam over the rows of a table that got a gradient; the others cost nothing (as SparseAdam)."""

from typing import no_type_check

import numpy as np
import torch
from numba import prange
from torch import Tensor

from audioplane.jit import jit

_BETA1, _BETA2, _EPS = np.float32(0.9), np.float32(0.999), np.float32(1e-15)
_CHUNK = 1024


@jit(parallel=True)
@no_type_check
def _step(values, gradient, touched, first, second, step_size, correction):
    one = np.float32(1)
    rows, columns = values.shape
    for chunk in prange((rows + _CHUNK - 1) // _CHUNK):
        for i in range(chunk * _CHUNK, min(rows, (chunk + 1) * _CHUNK)):
            if touched[i] == 0:
                continue
            touched[i] = 0
            for j in range(columns):
                g = gradient[i, j]
                gradient[i, j] = 0
                first[i, j] = _BETA1 * first[i, j] + (one - _BETA1) * g
                second[i, j] = _BETA2 * second[i, j] + (one - _BETA2) * g * g
                root = np.sqrt(second[i, j] * correction) + _EPS
                values[i, j] -= step_size * first[i, j] / root


def _step_torch(values, gradient, touched, first, second, step_size, correction):
    """The same in plain PyTorch, which a GPU runs: rows with a gradient need no mark."""
    moves = (touched.bool() | gradient.any(1)).float()[:, None]
    first.lerp_(gradient, float(1 - _BETA1) * moves)
    second.lerp_(gradient.square(), float(1 - _BETA2) * moves)
    root = (second * float(correction)).sqrt() + float(_EPS)
    values -= float(step_size) * moves * first / root
    gradient.zero_()
    touched.zero_()


class RowAdam:
    """Adam for a [rows, columns] table whose `.grad` is kept and whose touched rows are marked."""

    def __init__(self, table: Tensor, touched: Tensor):
        self.table, self.touched = table, touched
        self.first, self.second = torch.zeros_like(table), torch.zeros_like(table)
        self.steps = 0

    def step(self, lr: float) -> None:
        """Move the touched rows against their gradient; clear gradient and marks."""
        self.steps += 1
        gradient = self.table.grad
        assert gradient is not None
        tensors = (self.table.detach(), gradient, self.touched, self.first, self.second)
        step_size = np.float32(lr / (1 - 0.9**self.steps))
        correction = np.float32(1 / (1 - 0.999**self.steps))
        if self.table.device.type == "cpu":
            _step(*(x.numpy() for x in tensors), step_size, correction)
        else:
            _step_torch(*tensors, step_size, correction)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint has to keep beside the table."""
        return {"first": self.first, "second": self.second, "steps": torch.tensor(self.steps)}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take up a kept state."""
        self.first.copy_(state["first"])
        self.second.copy_(state["second"])
        self.steps = int(state["steps"])
