"""AlexNet and VGG16 without their classifiers, numbered as in torchvision's weight files.

AlexNet as in Krizhevsky 2014 (arXiv 1404.5997), VGG16 as in Simonyan and Zisserman 2015
(arXiv 1409.1556, configuration D).
"""

from collections.abc import Callable, Sequence

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


def vgg16() -> Backbone:
    """VGG16, read out behind relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3."""
    layers: list[nn.Module] = []
    before = 3
    for block, (width, depth) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]):
        if block > 0:
            layers.append(nn.MaxPool2d(2, 2))
        for _ in range(depth):
            layers += _convolution(before, width, 3, padding=1)
            before = width
    return Backbone(layers, taps=(3, 8, 15, 22, 29))


BACKBONES: dict[str, Callable[[], Backbone]] = {"alex": alexnet, "vgg": vgg16}


def _convolution(
    before: int, after: int, size: int, stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    return [nn.Conv2d(before, after, size, stride, padding), nn.ReLU(inplace=True)]
