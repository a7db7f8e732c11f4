"""Adam over Gaussians whose number changes."""

import torch
from torch import Tensor, nn

from audioplane.head import Gaussians, Head


class GaussianAdam:
    """One Adam state per parameter of the Gaussians, resized with them."""

    def __init__(self, head: Head, rates: dict[str, float]):
        self._head = head
        self.rates = dict(rates)
        self._build({})

    def _build(self, moments: dict[str, dict[str, Tensor]]) -> None:
        own = self._head.gaussians.tensors()
        fresh = {k: nn.Parameter(x.detach().contiguous()) for k, x in own.items()}
        self._head.gaussians = Gaussians(**fresh)
        groups = [{"params": [x], "lr": self.rates[k], "name": k} for k, x in fresh.items()]
        self._adam = torch.optim.Adam(groups, eps=1e-15, fused=True)
        for group in self._adam.param_groups:
            if state := moments.get(group["name"]):
                self._adam.state[group["params"][0]] = state

    def step(self, means_rate: float) -> None:
        """Move all parameters against their gradients, the means at their decayed rate."""
        for group in self._adam.param_groups:
            if group["name"] == "means":
                group["lr"] = means_rate
        self._adam.step()
        self._adam.zero_grad()

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Moments and step count by parameter."""
        named = ((g["name"], g["params"][0]) for g in self._adam.param_groups)
        return {name: dict(self._adam.state[p]) for name, p in named if p in self._adam.state}

    def load(self, state: dict[str, dict[str, Tensor]]) -> None:
        """Take up kept moments; the Gaussians have been replaced by the kept ones before."""
        self._build(state)

    def resize(self, keep: Tensor, added: Gaussians) -> None:
        """Keep some rows with their moments and append new ones without."""
        moments = self.state()
        own, resized = self._head.gaussians.tensors(), {}
        for name, new in added.tensors().items():
            resized[name] = torch.cat([own[name].detach()[keep], new.detach()])
            for key in ("exp_avg", "exp_avg_sq"):
                if name in moments:
                    old = moments[name][key]
                    moments[name][key] = torch.cat([old[keep], torch.zeros_like(new)])
        self._head.gaussians = Gaussians(**resized)
        self._build(moments)
