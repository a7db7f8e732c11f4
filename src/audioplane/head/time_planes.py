"""Planes of one space axis and time, three beside the space planes (paper, Fig. 1b; HexPlane).

They replace line grid and audio in Eq. 5: Interp(P_ij)·Interp(P_kt) instead of
Interp(P_ij)·f_k·f_a. The audio is not used; past the last training frame, that frame counts.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audioplane.head.audio_plane import SCALES, D, H, line_values
from audioplane.head.plane_kernels import SETS

ROWS_A_CELL = 2
"""Frames of 40 ms between two cells of the time axis."""


def time_cells(n_rows: int) -> int:
    """Cells that span n rows of speech features."""
    return max(2, -(-n_rows // ROWS_A_CELL) + 1)


class _Rows(torch.autograd.Function):
    """Some rows of the table; their gradient goes straight into its `.grad`, as the planes'."""

    @staticmethod
    def forward(ctx, table, index, planes):
        ctx.index, ctx.planes = index, planes
        return table[index]

    @staticmethod
    def backward(ctx, *grad_outputs):
        ctx.planes.table.grad.index_add_(0, ctx.index, grad_outputs[0])
        ctx.planes.touched[ctx.index] = 1
        return None, None, None


class TimePlanes(nn.Module):
    """P_ZT, P_YT, P_XT of all scales as one table with a row for each cell of time.

    An instant is one line grid, interpolated from two rows; an iteration touches only these.
    """

    touched: Tensor

    def __init__(self, cells: int, scales: tuple[int, ...] = SCALES, h: int = H, d: int = D):
        super().__init__()
        self.resolutions = [s * h for s in scales]
        self._d = d
        self.table = nn.Parameter(torch.ones(cells, SETS * sum(self.resolutions) * d))
        self.table.grad = torch.zeros_like(self.table)
        touched = torch.zeros(cells, dtype=torch.uint8)
        self.register_buffer("touched", touched, persistent=False)

    def forward(
        self, points: Float[Tensor, "m 3"], time: Float[Tensor, "1"]
    ) -> Float[Tensor, "m k"]:
        """Values of all scales and sets at points in [−1, 1]³, in the order of the space planes.

        `time` is in rows of the speech features; before the first and after the last, these count.
        """
        position = (time / ROWS_A_CELL).clamp(0, len(self.table) - 1)
        low = position.long().clamp_max(len(self.table) - 2)
        before, after = _Rows.apply(self.table, torch.cat([low, low + 1]), self)
        lines = torch.lerp(before, after, position - low)
        return line_values(lines.view(-1, self._d), self.resolutions, points)
