"""Random weights of LPIPS in the formats of the official files."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

CONVOLUTIONS = {
    0: (64, 3, 11),
    3: (192, 64, 5),
    6: (384, 192, 3),
    8: (256, 384, 3),
    10: (256, 256, 3),
}
"""Number in torchvision's `features`: channels after and before, kernel."""
CHANNELS = (64, 192, 384, 256, 256)
FILES = ("alexnet-owt-7be5be79.pth", "alex.pth")


@dataclass
class RandomWeights:
    """What lies in a folder of random weights."""

    folder: Path
    backbone: dict[str, Tensor]
    heads: dict[str, Tensor]

    def save(self) -> None:
        """As the official files are: before zip, the backbone's tensors being parameters."""
        parameters = OrderedDict((k, nn.Parameter(v)) for k, v in self.backbone.items())
        for name, state in zip(FILES, (parameters, OrderedDict(self.heads)), strict=True):
            torch.save(state, self.folder / name, _use_new_zipfile_serialization=False)


def random_weights(folder: Path) -> RandomWeights:
    generator = torch.Generator().manual_seed(7)
    backbone = {"classifier.1.weight": torch.zeros(3, 2), "classifier.1.bias": torch.zeros(3)}
    for number, (after, before, kernel) in CONVOLUTIONS.items():
        spread = (2 / (before * kernel**2)) ** 0.5
        weight = spread * torch.randn(after, before, kernel, kernel, generator=generator)
        backbone[f"features.{number}.weight"] = weight
        backbone[f"features.{number}.bias"] = 0.1 * torch.randn(after, generator=generator)
    heads = {
        f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1, generator=generator)
        for i, c in enumerate(CHANNELS)
    }
    folder.mkdir(parents=True, exist_ok=True)
    weights = RandomWeights(folder, backbone, heads)
    weights.save()
    return weights
