"""How many threads a training iteration gets."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """PyTorch on one thread: an iteration's many small operations would only wait for others.

    The rasterizer and the loss have the threads of numba's pool (docs/performance.md).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
