"""Density control after 3DGS: double or split where the image pulls, drop what is not seen."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from audioplane.head import Gaussians
from audioplane.splat import Splat
from audioplane.splat.reference import quat_to_rotation

_SPLIT_SHRINK = 1.6


@dataclass(frozen=True)
class DensityLimits:
    """When a Gaussian grows or goes, in world units."""

    gradient: float
    """Mean gradient of the projected mean, normalised device coordinates."""
    split_scale: float
    largest_scale: float
    opacity: float
    count: int


class DensityControl:
    """Gathers gradients of projected means and plans who is doubled, split and removed."""

    def __init__(self, n: int, device: torch.device | str = "cpu"):
        self.gradient_sum = torch.zeros(n, device=device)
        self.seen = torch.zeros(n, device=device)

    def observe(self, splat: Splat, size: tuple[int, int]) -> None:
        """Add one rendered frame after `backward`; needs `splat.means2d.retain_grad()`."""
        gradient = splat.means2d.grad
        assert gradient is not None
        scale = torch.tensor([size[0] / 2, size[1] / 2])
        scale = scale.to(gradient.device, non_blocking=True)
        self.gradient_sum += (gradient * scale).norm(dim=-1)
        self.seen += splat.visible

    def plan(
        self, gaussians: Gaussians, limits: DensityLimits, generator: torch.Generator
    ) -> tuple[Bool[Tensor, " n"], Gaussians]:
        """Rows to keep and Gaussians to append; the sums start anew."""
        scale = gaussians.log_scales.detach().exp().amax(-1)
        opacity = gaussians.logits.detach().sigmoid()
        gone = (opacity < limits.opacity) | (scale > limits.largest_scale)
        mean = self.gradient_sum / self.seen.clamp_min(1)
        mean[gone] = 0
        room = max(0, limits.count - int((~gone).sum()))
        order = mean.argsort(descending=True, stable=True)[:room]
        chosen = torch.zeros_like(gone)
        chosen[order] = mean[order] >= limits.gradient
        split = chosen & (scale > limits.split_scale)
        keep = ~(gone | split)
        added = joined(_take(gaussians, chosen & ~split), _split(gaussians, split, generator))
        n = int(keep.sum()) + len(added)
        self.gradient_sum, self.seen = mean.new_zeros(n), mean.new_zeros(n)
        return keep, added

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {"gradient_sum": self.gradient_sum, "seen": self.seen}

    def load(self, state: dict[str, Tensor], count: int) -> None:
        """Take up what `state` kept. Raises `ValueError` where that is not of so many Gaussians."""
        if {len(x) for x in state.values()} != {count}:
            raise ValueError(f"the density control's sums are not of {count} Gaussians")
        self.gradient_sum, self.seen = state["gradient_sum"], state["seen"]


def _take(gaussians: Gaussians, mask: Tensor) -> Gaussians:
    return Gaussians(**{k: v.detach()[mask] for k, v in gaussians.tensors().items()})


def joined(first: Gaussians, second: Gaussians) -> Gaussians:
    """All Gaussians of both, in their order."""
    pairs = zip(first.tensors().items(), second.tensors().values(), strict=True)
    return Gaussians(**{k: torch.cat([a, b]) for (k, a), b in pairs})


def _split(gaussians: Gaussians, mask: Tensor, generator: torch.Generator) -> Gaussians:
    """Two smaller Gaussians drawn from each large one."""
    parents = _take(gaussians, mask)
    both = joined(parents, parents)
    noise = torch.randn(len(both), 3, generator=generator).to(both.means.device)
    offset: Float[Tensor, "n 3"] = torch.einsum(
        "nij,nj->ni", quat_to_rotation(both.quats), both.log_scales.exp() * noise
    )
    scales = both.log_scales - torch.tensor(_SPLIT_SHRINK).log()
    return replace(both, means=both.means + offset, log_scales=scales)
