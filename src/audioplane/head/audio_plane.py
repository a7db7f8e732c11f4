"""The Audio-Plane: space planes, line grids and audio prototypes (paper §3.3, Eq. 4–6).

Legend: s ∈ {1…S} scale, n = s·H cells a side, D features a cell; P space plane, L line grid with
f_k its value, A prototypes, a audio vector, f_a its representation by the prototypes.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audioplane.head import plane_kernels
from audioplane.head.audio import AUDIO_DIM
from audioplane.head.plane_kernels import SETS
from audioplane.simd import LANES

Attention = Literal["cross", "mlp"]
Fusion = Literal["concat", "add", "multiply"]

H = 64
"""Cells of the coarsest grid (paper §4.1)."""
D = 16
"""Features a cell (paper §4.1)."""
SCALES = (1, 2, 3, 4)


class _Encode(torch.autograd.Function):
    """Interp(P_ij)·f_k on the CPU; the tables' gradients go straight into their `.grad`.

    A dense gradient would be 24 MB of new zeros each time; the tables keep theirs and mark the rows
    that were touched, for an optimiser that visits only these.
    """

    @staticmethod
    def forward(ctx, planes, lines, points, grid):
        ctx.grid, ctx.points = grid, points.detach().contiguous().numpy()
        resolutions, plane_start, line_start = grid.shape
        out = torch.empty(len(points), resolutions.size * SETS * planes.shape[1])
        tables = (planes.detach().numpy(), lines.detach().numpy())
        plane_kernels.encode_forward(
            ctx.points, tables[0], tables[1], resolutions, plane_start, line_start, out.numpy()
        )
        return out

    @staticmethod
    def backward(ctx, *grad_outputs):
        grid = ctx.grid
        resolutions, plane_start, line_start = grid.shape
        plane_kernels.encode_backward(
            ctx.points,
            grid.planes.detach().numpy(),
            grid.lines.detach().numpy(),
            resolutions,
            plane_start,
            line_start,
            grad_outputs[0].contiguous().numpy(),
            grid.planes.grad.numpy(),
            grid.lines.grad.numpy(),
            grid.touched.numpy(),
        )
        return None, None, None, None


def _sample(
    tables: Float[Tensor, "sets h w d"], points: Float[Tensor, "sets m 1 2"]
) -> Float[Tensor, "m k"]:
    """Bilinear values of each set's table at its own points, set after set."""
    values = torch.nn.functional.grid_sample(
        tables.permute(0, 3, 1, 2), points, padding_mode="border", align_corners=True
    )
    return values[..., 0].permute(2, 0, 1).flatten(1)


def plane_values(
    planes: Float[Tensor, "cells d"], resolutions: list[int], points: Float[Tensor, "m 3"]
) -> Float[Tensor, "m k"]:
    """Interp(P_XY), Interp(P_XZ), Interp(P_YZ) of all scales, scale after scale."""
    x, y, z = points.unbind(1)
    at = torch.stack([x, y, x, z, y, z], 1).unflatten(1, (SETS, 1, 2)).transpose(0, 1)
    # The three sets of a scale are contiguous: a batch of three images.
    tables = planes.split([SETS * n * n for n in resolutions])
    pairs = zip(tables, resolutions, strict=True)
    return torch.cat([_sample(t.view(SETS, n, n, -1), at) for t, n in pairs], 1)


def line_values(
    lines: Float[Tensor, "cells d"], resolutions: list[int], points: Float[Tensor, "m 3"]
) -> Float[Tensor, "m k"]:
    """The values f_Z, f_Y, f_X of all scales' lines, in the order of `plane_values`' sets."""
    x, y, z = points.unbind(1)
    middle = torch.zeros_like(x)
    at = torch.stack([z, middle, y, middle, x, middle], 1)
    at = at.unflatten(1, (SETS, 1, 2)).transpose(0, 1)
    tables = lines.split([SETS * n for n in resolutions])
    pairs = zip(tables, resolutions, strict=True)
    return torch.cat([_sample(t.view(SETS, 1, n, -1), at) for t, n in pairs], 1)


class SpaceGrid(nn.Module):
    """Space planes and line grids of all scales, as two flat tables of rows of d."""

    touched: Tensor

    def __init__(
        self, generator: torch.Generator, scales: tuple[int, ...] = SCALES, h: int = H, d: int = D
    ):
        """`d` has to be a multiple of 8, the lanes of the kernels."""
        super().__init__()
        assert d > 0 and d % LANES == 0
        self.resolutions = [s * h for s in scales]
        cells = [n * n for n in self.resolutions for _ in range(SETS)]
        line_cells = [n for n in self.resolutions for _ in range(SETS)]
        self.planes = nn.Parameter(
            torch.empty(sum(cells), d).uniform_(0.1, 0.5, generator=generator)
        )
        self.lines = nn.Parameter(torch.ones(sum(line_cells), d))
        starts = torch.tensor([0, *cells[:-1]]).cumsum(0).reshape(-1, SETS)
        line_starts = torch.tensor([0, *line_cells[:-1]]).cumsum(0).reshape(-1, SETS)
        self.shape = (
            torch.tensor(self.resolutions).numpy(),
            starts.numpy(),
            line_starts.numpy(),
        )
        self.planes.grad = torch.zeros_like(self.planes)
        self.lines.grad = torch.zeros_like(self.lines)
        self.register_buffer(
            "touched", torch.zeros(len(self.planes), dtype=torch.uint8), persistent=False
        )

    def forward(self, points: Float[Tensor, "m 3"]) -> Float[Tensor, "m k"]:
        """Interp(P_ij)·f_k for all scales and sets, at points in [−1, 1]³ (no gradient to them).

        On the CPU, the plane rows that got a gradient are marked in `touched`.
        """
        if points.device.type == "cpu":
            return _Encode.apply(self.planes, self.lines, points, self)
        return self.encode_reference(points)

    def encode_reference(self, points: Float[Tensor, "m 3"]) -> Float[Tensor, "m k"]:
        """The same in plain PyTorch: the oracle of the kernels, and what a GPU runs."""
        planes = plane_values(self.planes, self.resolutions, points)
        return planes * line_values(self.lines, self.resolutions, points)


def attention_weights(
    query: Float[Tensor, "t d"], prototypes: Float[Tensor, "p d"]
) -> Float[Tensor, "t p"]:
    """The weights of Eq. 4: softmax(q Aᵀ / √D)."""
    return (query @ prototypes.T / prototypes.shape[1] ** 0.5).softmax(-1)


class AudioPrototypes(nn.Module):
    """The prototype grids A^s and their scores: by queries q_s = W_s a ("cross", Eq. 4), or an MLP
    that predicts the scores from a ("mlp", the paper's Table 2)."""

    def __init__(
        self,
        generator: torch.Generator,
        scales: tuple[int, ...] = SCALES,
        h: int = H,
        d: int = D,
        attention: Attention = "cross",
    ):
        super().__init__()
        # N(0, 1): with smaller variance f_a hardly differs between frames and nothing is learned.
        self.grids = nn.ParameterList(torch.randn(s * h, d, generator=generator) for s in scales)
        self.attention = attention
        outputs = [d if attention == "cross" else len(grid) for grid in self.grids]
        self.queries = nn.ModuleList(_score_network(n, attention) for n in outputs)

    def weights(self, a: Float[Tensor, "t 64"]) -> list[Float[Tensor, "t _"]]:
        """Weights of the prototypes in t frames, scale by scale; they sum to 1 in each."""
        found = []
        for query, grid in zip(self.queries, self.grids, strict=True):
            scores = query(a)
            cross = self.attention == "cross"
            found.append(attention_weights(scores, grid) if cross else scores.softmax(-1))
        return found

    def forward(self, a: Float[Tensor, "t 64"]) -> Float[Tensor, "t s d"]:
        """Eq. 4: f_a of every scale for audio vectors of t frames."""
        pairs = zip(self.weights(a), self.grids, strict=True)
        return torch.stack([weights @ grid for weights, grid in pairs], 1)


def _score_network(outputs: int, attention: Attention) -> nn.Module:
    if attention == "cross":
        return nn.Linear(AUDIO_DIM, outputs)
    last = nn.Linear(64, outputs)
    # f_a deviates between frames as it does with cross-attention; from PyTorch's own initial
    # weights all scores are nearly the same and f_a hardly depends on the audio.
    nn.init.normal_(last.weight, std=0.4)
    return nn.Sequential(nn.Linear(AUDIO_DIM, 64), nn.ReLU(), last)


def spread_over_sets(
    code: Float[Tensor, "t s d"], fusion: Fusion = "concat"
) -> Float[Tensor, "t k"]:
    """The factor of `fuse_sets`' output that represents f_a^s on each of a scale's three sets.

    f_a^s for each set where they are concatenated, f_a^s for a sum, its third power for a product.
    """
    if fusion == "concat":
        return code[:, :, None, :].expand(-1, -1, SETS, -1).flatten(1)
    return (code if fusion == "add" else code**3).flatten(1)


def fuse_sets(S: Float[Tensor, "m k"], scales: int, fusion: Fusion) -> Float[Tensor, "m f"]:
    """`SpaceGrid`'s features with the three sets of a scale concatenated, added or multiplied."""
    if fusion == "concat":
        return S
    sets = S.unflatten(1, (scales, SETS, -1))
    return (sets.sum(2) if fusion == "add" else sets.prod(2)).flatten(1)
