"""The training frames' views as far as they are refined: corrections (`head/poses.py`) that their
own Adam moves."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.head import corrected_view
from audioplane.run.tensors import prefixed, under
from audioplane.train.optim import SparseAdam


class PoseTable:
    """View matrices of all training frames, of the head or of the body.

    On the CPU always: a GPU takes longer to start work on six numbers than it would save.
    """

    def __init__(self, tracked: Float[np.ndarray, "n 4 4"], head_width: float):
        self._tracked, self._head_width = torch.from_numpy(tracked).float(), head_width
        self.corrections = torch.zeros(len(tracked), 6, requires_grad=True)
        self.corrections.grad = torch.zeros_like(self.corrections)
        self.touched = torch.zeros(len(tracked), dtype=torch.uint8)
        self._adam = SparseAdam(self.corrections, self.touched)

    def view(self, i: int, refining: bool) -> Float[Tensor, "4 4"]:
        """One frame's view; while refining, the gradient of its correction lands in the table."""
        if not refining:
            return self._tracked[i]
        self.touched[i] = 1
        return corrected_view(self._tracked[i], self.corrections[i], self._head_width)

    def step(self, rate: float) -> None:
        """Move the corrections that have a gradient."""
        self._adam.step(rate)

    @torch.no_grad()
    def centre(self) -> None:
        """Remove the mean correction: head or body as a whole shall not wander."""
        self.corrections -= self.corrections.mean(0)

    @torch.no_grad()
    def refined(self) -> Float[Tensor, "n 4 4"]:
        """All views as they are now."""
        pairs = zip(self._tracked, self.corrections, strict=True)
        return torch.stack([corrected_view(v, c, self._head_width) for v, c in pairs])

    def state(self, name: str) -> dict[str, Tensor]:
        """What a checkpoint keeps, under a name of its own."""
        return {f"{name}s": self.corrections, **prefixed(f"{name}_adam", self._adam.state())}

    @torch.no_grad()
    def load(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` kept."""
        self.corrections.copy_(tensors[f"{name}s"])
        self._adam.load(under(f"{name}_adam", tensors))


class RefinedViews:
    """The views of the training frames: of the head and, where the head has one, of the body."""

    def __init__(
        self,
        heads: Float[np.ndarray, "n 4 4"],
        bodies: Float[np.ndarray, "n 4 4"] | None,
        head_width: float,
    ):
        """As they are tracked, world→camera."""
        self._heads = PoseTable(heads, head_width)
        self._bodies = None if bodies is None else PoseTable(bodies, head_width)
        self._tables = {"pose": self._heads}
        if self._bodies is not None:
            self._tables["body_pose"] = self._bodies

    def of(
        self, i: int, refining: bool
    ) -> tuple[Float[Tensor, "4 4"], Float[Tensor, "4 4"] | None]:
        """One frame's views of head and body, as `PoseTable.view`."""
        body = None if self._bodies is None else self._bodies.view(i, refining)
        return self._heads.view(i, refining), body

    def step(self, rate: float) -> None:
        """Move the corrections that have a gradient."""
        for table in self._tables.values():
            table.step(rate)

    def centre(self) -> None:
        """Remove the mean corrections of head and body."""
        for table in self._tables.values():
            table.centre()

    def refined(self) -> tuple[Float[Tensor, "n 4 4"], Float[Tensor, "n 4 4"] | None]:
        """All views of head and body as they are now."""
        bodies = None if self._bodies is None else self._bodies.refined()
        return self._heads.refined(), bodies

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        tensors: dict[str, Tensor] = {}
        for name, table in self._tables.items():
            tensors |= table.state(name)
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` kept. Raises `KeyError` where some of it is missing."""
        for name, table in self._tables.items():
            table.load(name, tensors)
