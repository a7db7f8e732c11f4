"""Adam over Gaussians whose number changes."""

import torch
from torch import Tensor

from audioplane.head import Gaussians


class GaussianAdam:
    """One Adam state per parameter of the Gaussians, resized with them."""

    def __init__(self, gaussians: Gaussians, rates: dict[str, float]):
        self.gaussians = gaussians
        self.rates = dict(rates)
        self._build({})

    def _build(self, moments: dict[str, dict[str, Tensor]]) -> None:
        groups = []
        for name, tensor in self.gaussians.tensors().items():
            parameter = tensor.detach().contiguous().requires_grad_()
            setattr(self.gaussians, name, parameter)
            groups.append({"params": [parameter], "lr": self.rates[name], "name": name})
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
        for name, tensor in self.gaussians.tensors().items():
            new = getattr(added, name)
            setattr(self.gaussians, name, torch.cat([tensor.detach()[keep], new.detach()]))
            for key in ("exp_avg", "exp_avg_sq"):
                if name in moments:
                    old = moments[name][key]
                    moments[name][key] = torch.cat([old[keep], torch.zeros_like(new)])
        self._build(moments)
