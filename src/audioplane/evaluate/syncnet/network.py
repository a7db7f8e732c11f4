"""SyncNet (Chung and Zisserman 2016, "Out of time"): images and sound in one space.

Layer by layer the authors' network (github.com/joonson/syncnet_python), so that their weights fit.
"""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audioplane.assets import ModelFile, read_tensors, require_model

WINDOW = 5
"""Frames under one embedding."""
SIDE = 224
"""Height and width of the face crops, pixels."""
STEPS = 20
"""MFCC steps, 10 ms each, under one embedding."""
DIMENSION = 1024
"""Of an embedding."""

WEIGHTS = ModelFile(
    "syncnet_v2.model",
    "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
    "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
    "syncnet",
)
"""The authors' weights (55 MB)."""


class SyncNet(nn.Module):
    """The two networks, in evaluation mode, under the names of the weights file."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_audio_layer(1, 64),
            nn.MaxPool2d(1, 1),
            *_audio_layer(64, 192),
            nn.MaxPool2d(3, (1, 2)),
            *_audio_layer(192, 384),
            *_audio_layer(384, 256),
            *_audio_layer(256, 256),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 512, (5, 4)),
            nn.BatchNorm2d(512),
            nn.ReLU(),
        )
        self.netfcaud = _embedding()
        self.netcnnlip = nn.Sequential(
            *_video_layer(3, 96, 7, depth=WINDOW, stride=2, padding=0),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_video_layer(96, 256, 5, stride=2),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_video_layer(256, 256, 3),
            *_video_layer(256, 256, 3),
            *_video_layer(256, 256, 3),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_video_layer(256, 512, 6, padding=0),
        )
        self.netfclip = _embedding()
        self.file: Path | None = None  # the file of the weights
        self.eval().requires_grad_(False)

    @classmethod
    def load(cls, given: Path | None = None, download: bool = False) -> "SyncNet":
        """SyncNet with the authors' weights; see `require_model` for where they are looked for.

        `given` is the file or a folder that holds it. Raises `ModelError` if it cannot be had,
        `CheckpointError` if it holds other weights.
        """
        path = require_model(WEIGHTS, given, download)
        with torch.device("meta"):  # neither memory nor random numbers for what is overwritten
            network = cls()
        counters = "num_batches_tracked"  # older files lack them, and nothing reads them
        shapes = {
            name: tuple(value.shape)
            for name, value in network.state_dict().items()
            if not name.endswith(counters)
        }
        weights = read_tensors(path, shapes, ignored=rf".*\.{counters}")
        network.load_state_dict(weights, strict=False, assign=True)
        network.file = path
        return network

    @torch.inference_mode()
    def embed_images(self, clip: Float[Tensor, "3 t 224 224"]) -> Float[Tensor, "n 1024"]:
        """Embeddings of the n = t − 4 windows of a clip, BGR from 0 to 255.

        Only the first layer looks along time, so a whole clip passes at once.
        """
        return self.netfclip(self.netcnnlip(clip[None])[0, :, :, 0, 0].T)

    @torch.inference_mode()
    def embed_sound(self, cepstra: Float[Tensor, "n 13 20"]) -> Float[Tensor, "n 1024"]:
        """Embeddings of n windows of sound."""
        return self.netfcaud(self.netcnnaud(cepstra[:, None])[:, :, 0, 0])


def _audio_layer(n_in: int, n_out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)


def _video_layer(
    n_in: int, n_out: int, side: int, depth: int = 1, stride: int = 1, padding: int = 1
) -> tuple[nn.Module, ...]:
    layer = nn.Conv3d(n_in, n_out, (depth, side, side), (1, stride, stride), (0, padding, padding))
    return layer, nn.BatchNorm3d(n_out), nn.ReLU(inplace=True)


def _embedding() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, DIMENSION)
    )
