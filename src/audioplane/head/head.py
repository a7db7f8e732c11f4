"""The model of one person: Gaussians, and the networks that deform them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from audioplane.head.audio import AUDIO_DIM, AudioEncoder, RunningNorm
from audioplane.head.audio_plane import (
    AudioPrototypes,
    SpaceGrid,
    fuse_sets,
    spread_over_sets,
)
from audioplane.head.body import BodyWeights
from audioplane.head.deformation import DeformationField, apply_deformation, read_delta
from audioplane.head.detail import DetailMap
from audioplane.head.expression import ExpressionCode
from audioplane.head.gaussians import SH_BASES, Gaussians, sh_colours
from audioplane.head.plane_kernels import SETS
from audioplane.head.shape import HeadShape
from audioplane.head.time_planes import TimePlanes
from audioplane.head.view import View
from audioplane.splat import Splat, rasterize

STILL, BY_AUDIO, BY_EXPRESSION = 0, 1, 2
"""What deforms a Gaussian: nothing, the audio, or the expression of the upper face."""


@dataclass(frozen=True)
class Motion:
    """Codes that deform the head in one frame."""

    audio: Float[Tensor, " k"]
    """The audio's code, from `Head.audio_codes`."""
    expression: Float[Tensor, " e"]
    """The expression's code, from `Head.expression`."""


class Head(nn.Module):
    """The model of one person. The number of its Gaussians changes while it is trained.

    `state_dict` holds the Gaussians too, and `load_state_dict` takes their number from what it
    loads.
    """

    moved_by: Tensor
    """What deforms each Gaussian, uint8 [n]: `STILL`, `BY_AUDIO` or `BY_EXPRESSION`."""
    low: Tensor
    high: Tensor

    def __init__(self, shape: HeadShape, generator: torch.Generator):
        super().__init__()
        self.shape = shape
        self._representation = len(shape.scales) * shape.cell_features
        features = self._representation * (SETS if shape.fusion == "concat" else 1)
        appended = AUDIO_DIM if shape.encoder == "concat" else 0
        tables = (shape.scales, shape.grid_size, shape.cell_features)
        # PyTorch's layers draw from its global state only: seed that for a moment.
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
            self.expression = ExpressionCode(shape.expression, code)
            self.field = DeformationField(features, appended, shape.dynamism)
        self.code_size = 1 if self.times is not None else code
        """Numbers of an audio code."""
        self.body = BodyWeights() if shape.body else None
        self.detail: DetailMap | None = None
        """Of a trained head, which is drawn with it (`train/detail.py`)."""
        sizes = ((3,), (4,), (3,), (), (SH_BASES, 3))
        self.gaussians = Gaussians(*(torch.zeros(0, *s) for s in sizes))
        self.folded: Tensor | None
        self.register_buffer("folded", None)
        self.register_buffer("moved_by", torch.zeros(0, dtype=torch.uint8))
        self.register_buffer("low", -torch.ones(3))
        self.register_buffer("high", torch.ones(3))

    @property
    def device(self) -> torch.device:
        """The device of its tensors."""
        return self.low.device

    @property
    def gaussians(self) -> Gaussians:
        """The canonical Gaussians: the head's own parameters, to be replaced all together."""
        return Gaussians(**dict(self.gaussian_parameters.items()))

    @gaussians.setter
    def gaussians(self, new: Gaussians) -> None:
        self.gaussian_parameters = nn.ParameterDict(
            {
                name: x
                if isinstance(x, nn.Parameter)
                else nn.Parameter(x.detach(), requires_grad=x.requires_grad)
                for name, x in new.tensors().items()
            }
        )

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        """Allocate as many Gaussians as are loaded; `load_state_dict` calls it first."""
        loaded = state_dict.get(prefix + "moved_by")
        if loaded is not None and loaded.shape != self.moved_by.shape:
            self.moved_by = self.moved_by.new_zeros(loaded.shape)
            own = self.gaussians.tensors()
            resized = {
                k: nn.Parameter(v.new_zeros(len(loaded), *v.shape[1:]), v.requires_grad)
                for k, v in own.items()
            }
            self.gaussians = Gaussians(**resized)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @property
    def representation_dim(self) -> int:
        """Values a frame that `represent_runs` returns."""
        return AUDIO_DIM if self.prototypes is None else self._representation

    def _represent(self, a: Float[Tensor, "t 64"]) -> Float[Tensor, "t h"]:
        return a if self.prototypes is None else self.prototypes(a).flatten(1)

    def represent_runs(self, runs: Float[Tensor, "r t w f"]) -> Float[Tensor, "r_t h"]:
        """f_a of all scales (or a itself, where it is appended) of runs of frames, normalised as a
        batch."""
        return self._represent(self.encoder.normalised_batch(runs))

    def representations(self, windows: Float[Tensor, "t w f"]) -> Float[Tensor, "t h"]:
        """f_a of a whole speech, or a itself, normalised by the stored statistics."""
        return self._represent(self.encoder(windows))

    def spread(self, representations: Float[Tensor, "t h"]) -> Float[Tensor, "t k"]:
        """Codes of frames from their f_a."""
        if self.prototypes is None:
            return representations
        by_scale = representations.unflatten(1, (len(self.shape.scales), -1))
        return spread_over_sets(by_scale, self.shape.fusion)

    def audio_codes(
        self,
        windows: Float[Tensor, "t w f"],
        first: int = 0,
        spoken: Bool[Tensor, " t"] | None = None,
        articulation: float = 1.0,
    ) -> Float[Tensor, "t k"]:
        """Codes of a speech's frames, of which `first` is the first: from the audio, normalised as
        `AudioEncoder.forward` does, or from the time."""
        if self.times is not None:
            rows = torch.arange(first, first + len(windows), device=self.device)
            return rows.to(self.low.dtype)[:, None]
        return self.codes_of(self.encoder(windows, spoken, articulation))

    def audio_code_chunks(
        self,
        chunks: Iterable[Float[Tensor, "_ w f"]],
        spoken: Bool[Tensor, " t"] | None = None,
        articulation: float = 1.0,
    ) -> Iterator[Float[Tensor, "_ k"]]:
        """As `audio_codes`, of a speech of any length whose windows come in chunks: of the first
        minutes (`audio.LEARNT`), which tell a voice's statistics, 64 numbers a frame are kept."""
        if self.times is not None:
            first = 0
            for chunk in chunks:
                yield self.audio_codes(chunk, first)
                first += len(chunk)
            return
        raw = self.encoder.raw(chunks)
        for vectors in self.encoder.normalised_chunks(raw, spoken, articulation):
            yield self.codes_of(vectors)

    def prototype_weights(self, windows: Float[Tensor, "t w f"]) -> list[Float[Tensor, "t _"]]:
        """Weights of the audio prototypes in a speech's frames, scale by scale (Eq. 4).

        Empty where the encoder has none.
        """
        return [] if self.prototypes is None else self.prototypes.weights(self.encoder(windows))

    def excerpt_codes(
        self,
        run: Float[Tensor, "u w f"],
        norm: RunningNorm | None = None,
        spoken: bool = False,
        articulation: float = 1.0,
    ) -> Float[Tensor, "t k"]:
        """As `audio_codes`, of the frames of a run that have 4 windows before and 3 after them.

        Not for the six-plane encoder, whose code is the time.
        """
        return self.codes_of(self.encoder.excerpt(run, norm, spoken, articulation))

    def codes_of(self, vectors: Float[Tensor, "t 64"]) -> Float[Tensor, "t k"]:
        """Codes of frames from their audio vectors."""
        return self.spread(self._represent(vectors))

    def body_weights(self) -> Float[Tensor, " n"] | None:
        """How much the body moves each Gaussian, 0 to 1; None where the head has no body."""
        return None if self.body is None else self.body(self.gaussians.means)

    def _points(self, index: Int[Tensor, " m"]) -> Float[Tensor, "m 3"]:
        """Coordinates of some Gaussians in the space planes, [−1, 1]³."""
        unit = (self.gaussians.means.detach()[index] - self.low) / (self.high - self.low)
        return unit * 2 - 1

    def space_features(self, index: Int[Tensor, " m"]) -> Float[Tensor, "m k"]:
        """S of some Gaussians, of a folded head moving ones: constant while it is not trained."""
        if self.folded is not None:
            row = torch.zeros_like(self.moved_by, dtype=torch.int64)
            row[torch.cat(self.moving())] = torch.arange(len(self.folded), device=self.device)
            return self.folded[row[index]]
        S = self.grid(self._points(index))
        return S if self.times is not None else self._fuse(S)

    def _fuse(self, S: Float[Tensor, "m k"]) -> Float[Tensor, "m f"]:
        return fuse_sets(S, len(self.shape.scales), self.shape.fusion)

    def fold(self, rows: Float[Tensor, "m k"]) -> None:
        """Keep S of `moving`'s indices, concatenated, in place of space planes and line grids.

        The head renders the same bits and can no longer be trained. Raises `ValueError` where it is
        not S of as many Gaussians.
        """
        raw = self.shape.fusion == "concat" or self.times is not None
        expected = (sum(map(len, self.moving())), self._representation * (SETS if raw else 1))
        if rows.shape != expected:
            raise ValueError(f"features of {tuple(rows.shape)} instead of {expected}")
        self.folded = rows
        del self.grid

    def moving(self) -> tuple[Int[Tensor, " a"], Int[Tensor, " e"]]:
        """Indices of the Gaussians that the audio and that the expression deform."""
        return tuple(torch.nonzero(self.moved_by == k)[:, 0] for k in (BY_AUDIO, BY_EXPRESSION))  # type: ignore[return-value]

    def deform(
        self, motion: Motion, S: Float[Tensor, "m k"] | None = None
    ) -> tuple[Gaussians, Float[Tensor, " n"]]:
        """Gaussians of one frame and their dynamism (zero where the audio does not deform).

        S is `space_features` of `moving`'s indices, concatenated, if already computed.
        """
        by_audio, by_expression = self.moving()
        index = torch.cat([by_audio, by_expression])
        if S is None:
            S = self.space_features(index)
        rows, d = self.deltas(motion, S, len(by_audio))
        deformed = apply_deformation(self.gaussians, index, read_delta(rows), d)
        dynamism = d.new_zeros(len(self.gaussians)).index_add(0, by_audio, d[: len(by_audio)])
        return deformed, dynamism

    def deltas(
        self, motion: Motion, S: Float[Tensor, "m k"], by_audio: int
    ) -> tuple[Float[Tensor, "m p"], Float[Tensor, " m"]]:
        """ΔG as rows and dynamism of `moving`'s Gaussians, of which the audio deforms the first."""
        of_audio, of_expression, code = S[:by_audio], S[by_audio:], motion.audio
        if self.times is not None:
            values = self.times(self._points(self.moving()[0]), code)
            of_audio, of_expression = self._fuse(of_audio * values), self._fuse(of_expression)
            code = torch.ones_like(motion.expression)
        parts = (self.field(of_audio, code), self.field(of_expression, motion.expression))
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
