"""AlexNet (Krizhevsky 2014, arXiv 1404.5997) without its classifier.

Its layers have the numbers of torchvision's weight file.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


class Backbone(nn.Module):
    """Convolutions of a classifier, read out behind some of their ReLUs."""

    def __init__(self, layers: Sequence[nn.Module], taps: Sequence[int]):
        super().__init__()
        self.features = nn.Sequential(*layers)
        self.taps = tuple(taps)
        """Numbers of the layers that are read out."""

    @property
    def channels(self) -> tuple[int, ...]:
        """How many channels each tap has."""
        convolutions = (self.features[tap - 1] for tap in self.taps)
        return tuple(c.out_channels for c in convolutions if isinstance(c, nn.Conv2d))

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """What comes out of the taps, in their order."""
        outputs = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                outputs.append(x)
        return outputs


def alexnet() -> Backbone:
    """AlexNet, read out behind relu1 to relu5."""
    layers = [
        *_convolution(3, 64, 11, stride=4, padding=2),
        nn.MaxPool2d(3, 2),
        *_convolution(64, 192, 5, padding=2),
        nn.MaxPool2d(3, 2),
        *_convolution(192, 384, 3, padding=1),
        *_convolution(384, 256, 3, padding=1),
        *_convolution(256, 256, 3, padding=1),
    ]
    return Backbone(layers, taps=(1, 4, 7, 9, 11))


def _convolution(
    before: int, after: int, size: int, stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    return [nn.Conv2d(before, after, size, stride, padding), nn.ReLU(inplace=True)]
