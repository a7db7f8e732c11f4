"""The deformation field: ΔG by D₁, dynamism by D₂ (paper §3.3–3.4, Eq. 3 and 7).

Legend: S [m, 192] Interp(P_ij)·f_k, c [192] the frame's code (f_a spread over the sets), f = S ⊙ c.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audioplane.head.gaussians import SH_BASES, Gaussians

MEAN_UNIT = 0.01
"""Metres by which one unit of D₁'s output moves a mean."""


class DeltaColumns(NamedTuple):
    """The columns of D₁'s output by parameter of a Gaussian."""

    means: slice = slice(0, 3)
    quats: slice = slice(3, 7)
    log_scales: slice = slice(7, 10)
    logits: slice = slice(10, 11)
    sh: slice = slice(11, 11 + 3 * SH_BASES)
    """Basis by basis, three colours each."""


DELTA = DeltaColumns()
"""The layout of D₁'s output, defined only here."""


@dataclass(frozen=True)
class Delta:
    """ΔG of m Gaussians, on the raw parameters."""

    means: Float[Tensor, "m 3"]
    quats: Float[Tensor, "m 4"]
    log_scales: Float[Tensor, "m 3"]
    logits: Float[Tensor, " m"]
    sh: Float[Tensor, "m b 3"]


class DeformationField(nn.Module):
    """D₁ (f → 64 → 64 → ΔG, last layer zero) and D₂ (f → 16 → 1 → sigmoid).

    Args:
        features: Columns of S.
        appended: 0 where the code multiplies S (Eq. 6), else its length: it is appended to S.
        dynamism: False leaves D₂ out, and d is 1 (the paper's "w/o D").
    """

    def __init__(self, features: int, appended: int = 0, dynamism: bool = True):
        super().__init__()
        inputs = features + appended
        self.appended, self.dynamism = appended, dynamism
        self.first = nn.Linear(inputs, 64)
        middle, last = nn.Linear(64, 64), nn.Linear(64, DELTA.sh.stop)
        self.rest = nn.Sequential(nn.ReLU(), middle, nn.ReLU(), last)
        if dynamism:
            self.dynamism_first = nn.Linear(inputs, 16)
            self.dynamism_rest = nn.Sequential(nn.ReLU(), nn.Linear(16, 1))
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    @property
    def output(self) -> nn.Linear:
        """The last layer of D₁; where it is zero, nothing is deformed."""
        last = self.rest[-1]
        assert isinstance(last, nn.Linear)
        return last

    def forward(
        self, S: Float[Tensor, "m k"], code: Float[Tensor, " c"]
    ) -> tuple[Float[Tensor, "m p"], Float[Tensor, " m"]]:
        """ΔG as rows and dynamism d of Gaussians under one code.

        f = S ⊙ c is never formed: the code multiplies both first layers' weights,
        (S ⊙ c)·Wᵀ = S·(c ⊙ W)ᵀ; an appended code goes into their bias.
        """
        firsts = [self.first, self.dynamism_first] if self.dynamism else [self.first]
        weight = torch.cat([layer.weight for layer in firsts])
        bias = torch.cat([layer.bias for layer in firsts])
        if self.appended:
            weight, tail = weight.split([S.shape[1], self.appended], 1)
            bias = bias + tail @ code
        else:
            weight = weight * code
        hidden = torch.nn.functional.linear(S, weight, bias)
        split = self.first.out_features
        rows = self.rest(hidden[:, :split])
        if not self.dynamism:
            return rows, rows.new_ones(len(rows))
        return rows, self.dynamism_rest(hidden[:, split:])[:, 0].sigmoid()


def read_delta(rows: Float[Tensor, "m p"]) -> Delta:
    """Name the columns of D₁'s output."""
    return Delta(
        means=MEAN_UNIT * rows[:, DELTA.means],
        quats=rows[:, DELTA.quats],
        log_scales=rows[:, DELTA.log_scales],
        logits=rows[:, DELTA.logits.start],
        sh=rows[:, DELTA.sh].unflatten(1, (-1, 3)),
    )


def apply_deformation(
    gaussians: Gaussians, index: Tensor, delta: Delta, dynamism: Float[Tensor, " m"]
) -> Gaussians:
    """Eq. 7: G' = G + d · ΔG for the Gaussians in `index`; the others do not change."""
    d = dynamism[:, None]
    return Gaussians(
        means=gaussians.means.index_add(0, index, d * delta.means),
        quats=gaussians.quats.index_add(0, index, d * delta.quats),
        log_scales=gaussians.log_scales.index_add(0, index, d * delta.log_scales),
        logits=gaussians.logits.index_add(0, index, dynamism * delta.logits),
        sh=gaussians.sh.index_add(0, index, d[..., None] * delta.sh),
    )
