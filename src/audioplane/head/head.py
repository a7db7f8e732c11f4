"""A talking head: Gaussians, what moves them, and how they are seen."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from audioplane.head.audio import AUDIO_DIM, AudioEncoder, Speaker
from audioplane.head.audio_plane import (
    SCALES,
    Attention,
    AudioPrototypes,
    D,
    Fusion,
    H,
    SpaceGrid,
    fuse_sets,
    spread_over_sets,
)
from audioplane.head.deformation import DeformationField, apply_deformation, read_delta
from audioplane.head.gaussians import Gaussians, sh_colours
from audioplane.head.plane_kernels import SETS
from audioplane.head.time_planes import TimePlanes
from audioplane.splat import Splat, rasterize

Encoder = Literal["audio-plane", "concat", "six-plane"]
"""What deforms space: audio by Eq. 6, audio appended to features of the space planes (paper, Fig.
1a), or the time in planes of its own (Fig. 1b)."""
STILL, BY_AUDIO, BY_EYES = 0, 1, 2
"""What drives a Gaussian: nothing, the audio, or the eyes' closure."""


@dataclass(frozen=True)
class HeadShape:
    """What has to be known to build a head before its weights are loaded."""

    feature_dim: int
    """F of the speech features [T, W, F]."""
    sh_degree: int = 1
    scales: tuple[int, ...] = SCALES
    grid_size: int = H
    cell_features: int = D
    time_cells: int = 0
    """Cells of the time axis, where there is one."""
    encoder: Encoder = "audio-plane"
    attention: Attention = "cross"
    fusion: Fusion = "concat"
    dynamism: bool = True


@dataclass(frozen=True)
class Motion:
    """What moves the head in one frame."""

    audio: Float[Tensor, " k"]
    """The speech's code, as `Head.audio_codes` gives it."""
    eyes: Float[Tensor, " e"]
    """The eyes' code, from `Head.eyes`."""


@dataclass(frozen=True)
class View:
    """A camera and its picture's size. Its tensors may lie on the CPU when the head does not."""

    viewmat: Float[Tensor, "4 4"]
    """World→camera, OpenCV axes."""
    K: Float[Tensor, "3 3"]
    width: int
    height: int


class Head(nn.Module):
    """The model of one person. Sizes of its Gaussians change while it learns."""

    driver: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, shape: HeadShape, generator: torch.Generator):
        super().__init__()
        self.shape = shape
        self._heard = len(shape.scales) * shape.cell_features
        features = self._heard * (SETS if shape.fusion == "concat" else 1)
        appended = AUDIO_DIM if shape.encoder == "concat" else 0
        tables = (shape.scales, shape.grid_size, shape.cell_features)
        # PyTorch's own layers draw from its global state only: lend them a seed of ours.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
            self.grid = SpaceGrid(generator, *tables)
            self.encoder = AudioEncoder(shape.feature_dim)
            self.prototypes = self.times = None
            if shape.encoder == "audio-plane":
                self.prototypes = AudioPrototypes(generator, *tables, shape.attention)
            if shape.encoder == "six-plane":
                self.times = TimePlanes(shape.time_cells, *tables)
            code = appended or features
            self.eyes = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, code))
            bases = (shape.sh_degree + 1) ** 2
            self.field = DeformationField(features, bases, appended, shape.dynamism)
        self.gaussians = Gaussians(
            *(torch.zeros(0, *s) for s in ((3,), (4,), (3,), (), ((shape.sh_degree + 1) ** 2, 3)))
        )
        self.register_buffer("driver", torch.zeros(0, dtype=torch.uint8))
        self.register_buffer("low", -torch.ones(3))
        self.register_buffer("high", torch.ones(3))

    @property
    def device(self) -> torch.device:
        """Where its tensors lie."""
        return self.low.device

    def _apply(self, fn, recurse=True):
        """What `to` calls: the Gaussians are no module's parameters, but go with them."""
        with torch.no_grad():
            self.gaussians = Gaussians(**{k: fn(v) for k, v in self.gaussians.tensors().items()})
        return super()._apply(fn, recurse)

    @property
    def heard_dim(self) -> int:
        """Length of what `hear` gives for a frame."""
        return AUDIO_DIM if self.prototypes is None else self._heard

    def _represent(self, a: Float[Tensor, "t 64"]) -> Float[Tensor, "t h"]:
        return a if self.prototypes is None else self.prototypes(a).flatten(1)

    def hear(self, runs: Float[Tensor, "r t w f"]) -> Float[Tensor, "r_t h"]:
        """f_a of all scales (or a itself, where it is appended) for runs of frames."""
        return self._represent(self.encoder.normalised_batch(runs))

    def spread(self, heard: Float[Tensor, "t h"]) -> Float[Tensor, "t k"]:
        """From what was heard to codes that deform."""
        if self.prototypes is None:
            return heard
        return spread_over_sets(heard.unflatten(1, (len(self.shape.scales), -1)), self.shape.fusion)

    def audio_codes(
        self,
        windows: Float[Tensor, "t w f"],
        first: int = 0,
        spoken: Bool[Tensor, " t"] | None = None,
    ) -> Float[Tensor, "t k"]:
        """Codes of a speech's frames, of which `first` is the first: what is heard, normalised as
        `AudioEncoder.forward` does, or the time."""
        if self.times is not None:
            rows = torch.arange(first, first + len(windows), device=self.device)
            return rows.to(self.low.dtype)[:, None]
        return self.spread(self._represent(self.encoder(windows, spoken)))

    def prototype_weights(self, windows: Float[Tensor, "t w f"]) -> list[Float[Tensor, "t _"]]:
        """How much each audio prototype speaks in a speech's frames, scale by scale (Eq. 4).

        Empty where the encoder has none.
        """
        return [] if self.prototypes is None else self.prototypes.weights(self.encoder(windows))

    def excerpt_codes(
        self, run: Float[Tensor, "u w f"], speaker: Speaker | None = None, spoken: bool = False
    ) -> Float[Tensor, "t k"]:
        """As `audio_codes`, of the frames of a run that have 4 windows before and 3 after them.

        Only where speech is what drives: not for an encoder of time.
        """
        return self.spread(self._represent(self.encoder.excerpt(run, speaker, spoken)))

    def _points(self, index: Int[Tensor, " m"]) -> Float[Tensor, "m 3"]:
        """Where some Gaussians lie in the space planes."""
        unit = (self.gaussians.means.detach()[index] - self.low) / (self.high - self.low)
        return unit * 2 - 1

    def space_features(self, index: Int[Tensor, " m"]) -> Float[Tensor, "m k"]:
        """S of some Gaussians: constant as long as the head does not learn."""
        S = self.grid(self._points(index))
        return S if self.times is not None else self._fuse(S)

    def _fuse(self, S: Float[Tensor, "m k"]) -> Float[Tensor, "m f"]:
        return fuse_sets(S, len(self.shape.scales), self.shape.fusion)

    def moving(self) -> tuple[Int[Tensor, " a"], Int[Tensor, " e"]]:
        """Indices of the Gaussians that the audio and that the eyes drive."""
        return tuple(torch.nonzero(self.driver == k)[:, 0] for k in (BY_AUDIO, BY_EYES))  # type: ignore[return-value]

    def deform(
        self, motion: Motion, S: Float[Tensor, "m k"] | None = None
    ) -> tuple[Gaussians, Float[Tensor, " n"]]:
        """Gaussians of one frame and their dynamism (zero where the audio does not drive).

        S is `space_features` of `moving`'s indices, one after the other, where it is kept.
        """
        by_audio, by_eyes = self.moving()
        index = torch.cat([by_audio, by_eyes])
        if S is None:
            S = self.space_features(index)
        rows, d = self.deltas(motion, S, len(by_audio))
        deformed = apply_deformation(self.gaussians, index, read_delta(rows), d)
        dynamism = d.new_zeros(len(self.gaussians)).index_add(0, by_audio, d[: len(by_audio)])
        return deformed, dynamism

    def deltas(
        self, motion: Motion, S: Float[Tensor, "m k"], by_audio: int
    ) -> tuple[Float[Tensor, "m p"], Float[Tensor, " m"]]:
        """ΔG as rows and dynamism of `moving`'s Gaussians, of which the audio drives the first."""
        heard, seen, code = S[:by_audio], S[by_audio:], motion.audio
        if self.times is not None:
            values = self.times(self._points(self.moving()[0]), code)
            heard, seen = self._fuse(heard * values), self._fuse(seen)
            code = torch.ones_like(motion.eyes)
        parts = (self.field(heard, code), self.field(seen, motion.eyes))
        rows, d = (torch.cat(x) for x in zip(*parts, strict=True))
        return rows, d


def splat_head(
    gaussians: Gaussians,
    dynamism: Float[Tensor, " n"],
    view: View,
    background: Float[Tensor, "h w 3"] | Float[Tensor, "3"],
) -> Splat:
    """Eq. 2 and 8 in one pass: channels 0–2 are the colours, channel 3 the dynamic map g."""
    viewmat, K = (x.to(gaussians.means.device, non_blocking=True) for x in (view.viewmat, view.K))
    colours = sh_colours(gaussians.sh, gaussians.means, viewmat)
    still = background.new_zeros(*background.shape[:-1], 1)
    return rasterize(
        gaussians.means,
        gaussians.quats,
        gaussians.log_scales.exp(),
        gaussians.logits.sigmoid(),
        torch.cat([colours, dynamism[:, None]], -1),
        viewmat,
        K,
        view.width,
        view.height,
        torch.cat([background, still], -1),
    )
