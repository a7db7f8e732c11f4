"""Random weights in the formats of the official files."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

CONVOLUTIONS = {
    "alex": {
        0: (64, 3, 11),
        3: (192, 64, 5),
        6: (384, 192, 3),
        8: (256, 384, 3),
        10: (256, 256, 3),
    },
    "vgg": {
        0: (64, 3, 3),
        2: (64, 64, 3),
        5: (128, 64, 3),
        7: (128, 128, 3),
        10: (256, 128, 3),
        12: (256, 256, 3),
        14: (256, 256, 3),
        17: (512, 256, 3),
        19: (512, 512, 3),
        21: (512, 512, 3),
        24: (512, 512, 3),
        26: (512, 512, 3),
        28: (512, 512, 3),
    },
}
"""Number in torchvision's `features`: channels after and before, kernel."""
CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
FILES = {
    "alex": ("alexnet-owt-7be5be79.pth", "alex.pth"),
    "vgg": ("vgg16-397923af.pth", "vgg.pth"),
}


@dataclass
class RandomWeights:
    """What lies in a folder of random weights."""

    folder: Path
    net: str
    backbone: dict[str, Tensor]
    heads: dict[str, Tensor]

    def save(self) -> None:
        """As the official files are: before zip, the backbone's tensors being parameters."""
        parameters = OrderedDict((k, nn.Parameter(v)) for k, v in self.backbone.items())
        for name, state in zip(FILES[self.net], (parameters, OrderedDict(self.heads)), strict=True):
            torch.save(state, self.folder / name, _use_new_zipfile_serialization=False)


def random_weights(net: str, folder: Path) -> RandomWeights:
    generator = torch.Generator().manual_seed(7)
    backbone = {"classifier.1.weight": torch.zeros(3, 2), "classifier.1.bias": torch.zeros(3)}
    for number, (after, before, kernel) in CONVOLUTIONS[net].items():
        spread = (2 / (before * kernel**2)) ** 0.5
        weight = spread * torch.randn(after, before, kernel, kernel, generator=generator)
        backbone[f"features.{number}.weight"] = weight
        backbone[f"features.{number}.bias"] = 0.1 * torch.randn(after, generator=generator)
    heads = {
        f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1, generator=generator)
        for i, c in enumerate(CHANNELS[net])
    }
    folder.mkdir(parents=True, exist_ok=True)
    weights = RandomWeights(folder, net, backbone, heads)
    weights.save()
    return weights
