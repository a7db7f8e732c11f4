"""Optimisers: Adam for Gaussians whose number changes, for tables of which few rows get a gradient,
and for the networks; and the exponential moving average (EMA) of a head's weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import no_type_check

import numpy as np
import torch
from numba import prange
from torch import Tensor, nn

from audioplane.head import Gaussians, Head
from audioplane.jit import jit
from audioplane.run.head_file import head_tensors
from audioplane.run.tensors import prefixed, under
from audioplane.train.config import LearningRates

EMA_EVERY = 20
"""Iterations between two additions to the EMA."""
_EMA_DECAY = 0.98
"""So that an addition counts for about a thousand iterations."""
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


class SparseAdam:
    """Adam over the rows of a table that got a gradient; the others cost nothing.

    The table [rows, columns] keeps its `.grad`, and `touched` [rows] marks the rows.
    """

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


class GaussianAdam:
    """Adam over the Gaussians of a head, resized with them."""

    def __init__(self, head: Head, rates: dict[str, float], directional: float = 1.0):
        """`directional`: factor on the rate of all bases of `sh` but the first."""
        self._head, self._directional = head, directional
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
        sh = self._head.gaussians.sh.detach()[:, 1:]
        before = sh.clone()
        self._adam.step()
        sh.copy_(before.lerp(sh, self._directional))
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


class Optimisers:
    """Adam for the Gaussians, for the networks and line grids, and for the space planes."""

    def __init__(
        self,
        head: Head,
        lip_reader: nn.Linear,
        rates: LearningRates,
        head_width: float,
        stages: tuple[int, int],
        prior: bool = False,
    ):
        """`stages` are the iterations of the coarse and of the fine stage; `prior` tells whether
        the audio's networks start from one."""
        r = rates
        self._coarse, self._fine = stages
        self._means_rate, self._planes_rate = r.means * head_width, r.planes
        own = {"quats": r.quats, "log_scales": r.scales, "logits": r.opacities}
        own |= {"means": self._means_rate, "sh": r.sh}
        self.gaussians = GaussianAdam(head, own, r.directional)
        self._planes = {"planes": SparseAdam(head.grid.planes, head.grid.touched)}
        if head.times is not None:
            self._planes["times"] = SparseAdam(head.times.table, head.times.touched)
        prototypes = [] if head.prototypes is None else list(head.prototypes.parameters())
        deforming = [*head.field.parameters(), *head.expression.parameters()]
        reader = list(lip_reader.parameters())
        groups = [
            list(head.encoder.parameters()),
            prototypes,
            deforming,
            reader,
            [head.grid.lines],
        ]
        self._body = None
        if head.body is not None:
            self._body = torch.optim.Adam(head.body.parameters(), r.body, eps=1e-15, fused=True)
        # Only the Audio-Plane has line grids: those of the other encoders stay at one.
        lines = r.planes if head.prototypes is not None else 0.0
        kept, fresh = (r.prior, r.prior_lips) if prior else (1.0, 1.0)
        self._rates = (kept * r.audio, kept * r.networks, r.networks, fresh * r.networks, lines)
        self._networks = torch.optim.Adam(
            [{"params": p, "lr": r} for p, r in zip(groups, self._rates, strict=True)],
            eps=1e-15,
            fused=True,
        )

    def step(self, iteration: int, fine: bool) -> None:
        """Move everything of the stage against its gradient; clear the gradients."""
        self.gaussians.step(self._means_rate * 0.01 ** (iteration / (self._coarse + self._fine)))
        if self._body is not None:
            self._body.step()
            self._body.zero_grad()
        if not fine:
            return
        decay = 0.1 ** ((iteration - self._coarse) / self._fine)
        for group, rate in zip(self._networks.param_groups, self._rates, strict=True):
            group["lr"] = rate * decay
        self._networks.step()
        # The line grid keeps its gradient buffer: the kernels write into it.
        self._networks.zero_grad(set_to_none=False)
        for table in self._planes.values():
            table.step(self._planes_rate * decay)

    def _adams(self) -> dict[str, torch.optim.Adam]:
        return {"networks": self._networks} | ({"body": self._body} if self._body else {})

    def state(self) -> dict[str, Tensor]:
        """All moments, by name."""
        tensors: dict[str, Tensor] = {}
        for name, table in self._planes.items():
            tensors |= prefixed(name, table.state())
        for name, moments in self.gaussians.state().items():
            tensors |= prefixed(f"gaussians/{name}", moments)
        for name, adam in self._adams().items():
            for i, moments in adam.state_dict()["state"].items():
                tensors |= prefixed(f"{name}/{i}", moments)
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take up kept moments; head and Gaussians have taken up theirs before."""
        moments = {name: under(f"gaussians/{name}", tensors) for name in self.gaussians.rates}
        self.gaussians.load({name: m for name, m in moments.items() if m})
        for name, adam in self._adams().items():
            state = adam.state_dict()
            count = sum(len(group["params"]) for group in state["param_groups"])
            kept = {i: under(f"{name}/{i}", tensors) for i in range(count)}
            state["state"] = {i: m for i, m in kept.items() if m}
            adam.load_state_dict(state)
        for name, table in self._planes.items():
            table.load(under(name, tensors))


class Ema:
    """EMA of all parameters and Gaussians, whose number must not change."""

    def __init__(self):
        self.tensors: dict[str, Tensor] = {}
        """The EMA by name; empty before the first addition."""
        self.count = 0

    @torch.no_grad()
    def add(self, head: Head) -> None:
        """Take in the weights as they are now. The first additions count for more."""
        decay = min(_EMA_DECAY, self.count / (self.count + 1))
        for name, tensor in _weights(head).items():
            if self.count:
                self.tensors[name].lerp_(tensor, 1 - decay)
            else:
                self.tensors[name] = tensor.clone()
        self.count += 1

    @contextmanager
    def applied_to(self, head: Head) -> Iterator[None]:
        """The head has the EMA for its weights, if there is one, and its own again after.

        Buffers, such as the statistics of the audio encoder, stay as they are set meanwhile.
        """
        own = {name: tensor.clone() for name, tensor in _weights(head).items()}
        _put(self.tensors, head)
        try:
            yield
        finally:
            _put(own, head)


def _weights(head: Head) -> dict[str, Tensor]:
    buffers = {f"head/{name}" for name, _ in head.named_buffers()} | {"head/driver"}
    return {k: x for k, x in head_tensors(head).items() if k not in buffers}


@torch.no_grad()
def _put(tensors: dict[str, Tensor], head: Head) -> None:
    for name, weight in _weights(head).items():
        if name in tensors:
            weight.copy_(tensors[name])
