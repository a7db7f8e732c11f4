"""LPIPS v0.1, the learned distance of two images (Zhang et al. 2018, arXiv 1801.03924).

Legend: x render, x0 target, l layer of the backbone, y_l its features [n c h w], ŷ_l the same at
unit length over the channels, w_l head: one weight ≥ 0 a channel (the paper's w_l squared).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from audioplane.assets import read_tensors, require_models
from audioplane.errors import CheckpointError
from audioplane.perceptual.backbones import Backbone, alexnet
from audioplane.perceptual.weights import BACKBONE, HEADS

SMALLEST_SIDE = 32
"""Images have to have this many pixels either way, or nothing is left behind the pools."""
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and deviation of ImageNet's R, G, B in images from −1 to 1, as the authors round them."""
_EPS = 1e-10


class LPIPS(nn.Module):
    """The distance, with its weights held fixed.

    Args:
        backbone: What features are taken from.
        heads: w_l, one vector a tap of the backbone.
    """

    def __init__(self, backbone: Backbone, heads: Sequence[Float[Tensor, " _"]]):
        super().__init__()
        # Images are [h w 3], so channels lie last already: a tenth to a third less time.
        convert_conv2d_weight_memory_format(backbone, torch.channels_last)
        self.backbone = backbone.requires_grad_(False)
        self.files: tuple[Path, ...] = ()  # where the weights came from
        self.heads = nn.ParameterList(nn.Parameter(w, requires_grad=False) for w in heads)

    @classmethod
    def load(cls, folder: Path | None = None, download: bool = False) -> "LPIPS":
        """LPIPS on AlexNet from the official weights, looked for as in `require_models`.

        Raises `ModelError` if a file cannot be had, `CheckpointError` if it is not what it should
        be.
        """
        files = require_models((BACKBONE, HEADS), folder, download)
        with torch.device("meta"):  # neither memory nor random numbers for what is overwritten
            backbone = alexnet()
        shapes = {name: tuple(w.shape) for name, w in backbone.state_dict().items()}
        weights = read_tensors(files[0], shapes, ignored=r"classifier\..*")
        backbone.load_state_dict(weights, assign=True)
        loaded = cls(backbone, read_heads(files[1], backbone.channels))
        loaded.files = tuple(files)
        return loaded

    def forward(
        self, render: Float[Tensor, "*n h w 3"], target: Float[Tensor, "*n h w 3"]
    ) -> Float[Tensor, "*n"]:
        """Eq. 1 for every pair of images, 0 to 1; gradients flow to the render alone.

        Raises `ValueError` for images below `SMALLEST_SIDE`.
        """
        if min(render.shape[-3:-1]) < SMALLEST_SIDE:
            raise ValueError(f"images of {tuple(render.shape)} are too small for LPIPS")
        with torch.no_grad():
            true = self._features(target)
        layers = zip(self._features(render), true, self.heads, strict=True)
        distances = torch.stack([layer_distance(y, y0, w) for y, y0, w in layers])
        return distances.sum(0).reshape(render.shape[:-3])

    @torch.no_grad()
    def score(self, image: UInt8[np.ndarray, "h w 3"], truth: UInt8[np.ndarray, "h w 3"]) -> float:
        """The same of two images of 8 bits, as `evaluate` asks for it."""
        render, target = (torch.from_numpy(x).to(self.heads[0]) / 255 for x in (image, truth))
        return float(self(render, target))

    def _features(self, image: Float[Tensor, "*n h w 3"]) -> list[Float[Tensor, "n _ _ _"]]:
        scaled = scale_image(image).reshape(-1, *image.shape[-3:])
        return self.backbone(scaled.permute(0, 3, 1, 2))


def scale_image(image: Float[Tensor, "*n h w 3"]) -> Float[Tensor, "*n h w 3"]:
    """An image from 0 to 1 as the backbone was trained to see it."""
    shift, scale = image.new_tensor(_SHIFT), image.new_tensor(_SCALE)
    return (2 * image - 1 - shift) / scale


def unit_length(y: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """ŷ: features divided by their length over the channels; those of length 0 stay 0."""
    # Unlike sqrt(Σ y²) in the official code, its gradient at 0 is 0 and not NaN.
    return y / (torch.linalg.vector_norm(y, dim=1, keepdim=True) + _EPS)


def layer_distance(
    y: Float[Tensor, "n c h w"], y0: Float[Tensor, "n c h w"], w: Float[Tensor, " c"]
) -> Float[Tensor, " n"]:
    """One layer's term of Eq. 1: the mean over places of w · (ŷ − ŷ0)²."""
    return (unit_length(y) - unit_length(y0)).square().mean((2, 3)) @ w


def read_heads(path: Path, channels: Sequence[int]) -> list[Float[Tensor, " _"]]:
    """The w_l of a file of linear heads, `lin<l>.model.1.weight` [1, c, 1, 1] each.

    Raises `CheckpointError` if they do not fit or one of them is negative.
    """
    shapes = {f"lin{i}.model.1.weight": (1, c, 1, 1) for i, c in enumerate(channels)}
    tensors = read_tensors(path, shapes)
    for name in shapes:
        if not (tensors[name] >= 0).all():  # NaN too
            raise CheckpointError(f"{path} is no LPIPS head: {name} has weights that are not ≥ 0")
    return [tensors[name].flatten() for name in shapes]
