"""All that moves in training and how fast."""

import torch
from torch import Tensor, nn

from audioplane.head import Head
from audioplane.run.tensors import prefixed, under
from audioplane.train.config import TrainConfig
from audioplane.train.gaussian_adam import GaussianAdam
from audioplane.train.row_adam import RowAdam


class Optimisers:
    """Adam for the Gaussians, for the networks and line grids, and for the space planes."""

    def __init__(self, head: Head, lip_reader: nn.Linear, config: TrainConfig, head_width: float):
        c = config
        self._config = config
        self._means_rate = c.lr_means * head_width
        rates = {"quats": c.lr_quats, "log_scales": c.lr_scales, "logits": c.lr_opacities}
        rates |= {"means": self._means_rate, "sh": c.lr_sh}
        self.gaussians = GaussianAdam(head, rates)
        self._planes = {"planes": RowAdam(head.grid.planes, head.grid.touched)}
        if head.times is not None:
            self._planes["times"] = RowAdam(head.times.table, head.times.touched)
        modules = (head.prototypes, head.field, head.eyes, lip_reader)
        networks = [p for module in modules if module is not None for p in module.parameters()]
        groups = [list(head.encoder.parameters()), networks, [head.grid.lines]]
        # Only the Audio-Plane has line grids: those of the other encoders stay at one.
        lines = c.lr_planes if head.prototypes is not None else 0.0
        self._rates = (c.lr_audio, c.lr_networks, lines)
        self._networks = torch.optim.Adam(
            [{"params": p, "lr": r} for p, r in zip(groups, self._rates, strict=True)],
            eps=1e-15,
            fused=True,
        )

    def step(self, iteration: int, total: int, fine: bool) -> None:
        """Move everything of the stage against its gradient; clear the gradients."""
        c = self._config
        self.gaussians.step(self._means_rate * 0.01 ** (iteration / total))
        if not fine:
            return
        decay = 0.1 ** ((iteration - c.coarse_iterations) / c.fine_iterations)
        for group, rate in zip(self._networks.param_groups, self._rates, strict=True):
            group["lr"] = rate * decay
        self._networks.step()
        # The line grid keeps its gradient buffer: the kernels write into it.
        self._networks.zero_grad(set_to_none=False)
        for table in self._planes.values():
            table.step(c.lr_planes * decay)

    def state(self) -> dict[str, Tensor]:
        """All moments, by name."""
        tensors: dict[str, Tensor] = {}
        for name, table in self._planes.items():
            tensors |= prefixed(name, table.state())
        for name, moments in self.gaussians.state().items():
            tensors |= prefixed(f"gaussians/{name}", moments)
        for i, moments in self._networks.state_dict()["state"].items():
            tensors |= prefixed(f"networks/{i}", moments)
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take up kept moments; head and Gaussians have taken up theirs before."""
        moments = {name: under(f"gaussians/{name}", tensors) for name in self.gaussians.rates}
        self.gaussians.load({name: m for name, m in moments.items() if m})
        state = self._networks.state_dict()
        count = sum(len(group["params"]) for group in state["param_groups"])
        kept = {i: under(f"networks/{i}", tensors) for i in range(count)}
        state["state"] = {i: m for i, m in kept.items() if m}
        self._networks.load_state_dict(state)
        for name, table in self._planes.items():
            table.load(under(name, tensors))
