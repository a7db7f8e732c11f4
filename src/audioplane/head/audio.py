"""The audio encoder: speech features to one audio vector a frame (AudioNet and AudioAttNet).

Legend: W steps of the feature window, F features a step, a the audio vector of Eq. 4.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from audioplane.clock import FPS

AUDIO_DIM = 64
"""Length of the audio vector a."""
CONTEXT_BEFORE, CONTEXT_AFTER = 4, 3
"""Frames before and after t in the window of the temporal filter."""
_ENOUGH = 25
"""Frames with speech (1 s) after which a voice's own statistics weigh as much as the training's."""
LEARNT = 180 * FPS
"""Frames of a speech from which a voice's statistics are taken, so that neither memory nor the wait
for the first frame grows with its length."""
_FACTOR = 2.0
"""A voice's deviation is at most this many times more or less than the training's."""
_BLOCK = 1000
"""Frames of a speech that are encoded at a time, so that memory does not grow with its length."""


class Convolution(nn.Conv1d):
    """1-D convolution of width 3 as one matrix product.

    PyTorch's takes 55 ms backward on two cores for the 156 short windows of an iteration, this
    one 7 ms (docs/decisions/head.md).
    """

    def __init__(self, before: int, after: int, stride: int = 1):
        super().__init__(before, after, 3, stride=stride, padding=1)

    def forward(self, input: Float[Tensor, "n c t"]) -> Float[Tensor, "n d u"]:
        padded = nn.functional.pad(input, (1, 1))
        columns = padded.unfold(2, 3, self.stride[0]).transpose(1, 2).flatten(2)
        return nn.functional.linear(columns, self.weight.flatten(1), self.bias).transpose(1, 2)


class AudioNet(nn.Module):
    """Speech window [n, W, F] → [n, 64]: four strided 1-D convolutions, two linear layers."""

    def __init__(self, features: int):
        super().__init__()
        widths = (features, 32, 32, 64, 64)
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [Convolution(before, after, stride=2), nn.LeakyReLU(0.02)]
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.02), nn.Linear(64, AUDIO_DIM))

    def forward(self, windows: Float[Tensor, "n w f"]) -> Float[Tensor, "n 64"]:
        return self.linear(self.convolutions(windows.transpose(1, 2)).mean(-1))


class AudioAttNet(nn.Module):
    """Temporal filter: the mean of 8 neighbouring frames [n, 64, 8] by learned weights."""

    def __init__(self):
        super().__init__()
        length = CONTEXT_BEFORE + 1 + CONTEXT_AFTER
        widths = (AUDIO_DIM, 16, 8, 4, 2, 1)
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [Convolution(before, after), nn.LeakyReLU(0.02)]
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Linear(length, length)

    def forward(self, frames: Float[Tensor, "n 64 8"]) -> Float[Tensor, "n 64"]:
        weights = self.linear(self.convolutions(frames)[:, 0]).softmax(-1)
        return torch.einsum("ndt,nt->nd", frames, weights)


class RunningNorm:
    """Normalises audio vectors by the statistics of the voice that drives a head.

    An unfamiliar voice's vectors have another mean and a smaller deviation: normalised by the
    training's statistics, the head mumbles. The norm starts from these and moves to those of the
    frames with speech, like batch normalisation adapted to new data (Li et al. 2018).
    """

    def __init__(self, mean: Float[Tensor, "64"], std: Float[Tensor, "64"]):
        """`mean` and `std` of the training's vectors."""
        self._mean, self._std = mean, std
        self._count = 0
        self._sum, self._squares = (torch.zeros_like(mean, dtype=torch.float64) for _ in range(2))

    def update(self, raw: Float[Tensor, "n 64"]) -> None:
        """Add vectors of frames with speech."""
        away = (raw - self._mean).double()
        self._count += len(raw)
        self._sum += away.sum(0)
        self._squares += away.square().sum(0)

    def normalised(self, raw: Float[Tensor, "n 64"]) -> Float[Tensor, "n 64"]:
        """Vectors with about zero mean and unit variance over this voice's speech."""
        n = max(1, self._count)
        away = self._sum / n
        variance = (self._squares / n - away.square()).to(raw.dtype)
        variance = variance.clamp((self._std / _FACTOR).square(), (self._std * _FACTOR).square())
        share = self._count / (self._count + _ENOUGH)
        mean = self._mean + share * away.to(raw.dtype)
        std = torch.lerp(self._std.square(), variance, share).sqrt()
        return (raw - mean) / (std + 1e-4)


class AudioEncoder(nn.Module):
    """Runs of consecutive speech windows → audio vectors with zero mean and unit variance.

    The normalisation over many frames, with gradient, keeps Eq. 4 from collapsing: without it the
    query's norm explodes and the softmax settles on one prototype.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, features: int):
        super().__init__()
        self.net = AudioNet(features)
        self.attention = AudioAttNet()
        self.register_buffer("mean", torch.zeros(AUDIO_DIM))
        self.register_buffer("std", torch.ones(AUDIO_DIM))

    def raw_runs(self, runs: Float[Tensor, "r t w f"]) -> Float[Tensor, "r_t 64"]:
        """Vectors before normalisation; each run has 7 more windows than vectors."""
        r, t = runs.shape[:2]
        frames = self.net(runs.flatten(0, 1)).unflatten(0, (r, t))
        neighbours = frames.unfold(1, CONTEXT_BEFORE + 1 + CONTEXT_AFTER, 1)
        return self.attention(neighbours.flatten(0, 1))

    def normalised_batch(self, runs: Float[Tensor, "r t w f"]) -> Float[Tensor, "r_t 64"]:
        """Audio vectors of several runs, normalised by their own mean and deviation."""
        raw = self.raw_runs(runs)
        std, mean = torch.std_mean(raw, 0, correction=0)
        return (raw - mean) / (std + 1e-4)

    def running_norm(self) -> RunningNorm:
        """A norm before any speech, with the training's statistics."""
        return RunningNorm(self.mean, self.std)

    def forward(
        self,
        windows: Float[Tensor, "t w f"],
        spoken: Bool[Tensor, " t"] | None = None,
        articulation: float = 1.0,
    ) -> Float[Tensor, "t 64"]:
        """Audio vectors of a whole speech, normalised by the stored statistics.

        Args:
            windows: its features, one window a frame.
            spoken: the frames in which another voice speaks, whose own statistics then count.
            articulation: factor on the vectors: above 1 the lips move further than in training,
                below 1 less.
        """
        chunks = self.normalised_chunks([self._whole(windows)], spoken, articulation)
        return torch.cat(list(chunks))

    def normalised_chunks(
        self,
        raw: Iterable[Float[Tensor, "_ 64"]],
        spoken: Bool[Tensor, " t"] | None = None,
        articulation: float = 1.0,
    ) -> Iterator[Float[Tensor, "_ 64"]]:
        """As `forward`, chunk by chunk, from the vectors before normalisation.

        A voice's statistics are those of the first `LEARNT` frames, which are held for them.
        """
        norm = self.running_norm()
        for vectors in learnt_from(raw, spoken, norm.update):
            yield articulation * norm.normalised(vectors)

    def excerpt(
        self,
        run: Float[Tensor, "u w f"],
        norm: RunningNorm | None = None,
        spoken: bool = False,
        articulation: float = 1.0,
    ) -> Float[Tensor, "t 64"]:
        """As `forward`, of the frames of a run that have 4 windows before and 3 after them.

        `norm` holds the voice's statistics; these frames update it if they are `spoken`.
        """
        return self.adapted(self.raw_runs(run[None]), norm, spoken, articulation)

    def adapted(
        self,
        raw: Float[Tensor, "t 64"],
        norm: RunningNorm | None,
        spoken: bool,
        articulation: float,
    ) -> Float[Tensor, "t 64"]:
        """As `excerpt`, from the vectors before normalisation."""
        norm = norm or self.running_norm()
        if spoken:
            norm.update(raw)
        return articulation * norm.normalised(raw)

    @torch.no_grad()
    def calibrate(self, windows: Float[Tensor, "t w f"]) -> None:
        """Store mean and deviation over all training frames."""
        std, mean = torch.std_mean(self._whole(windows), 0, correction=0)
        self.mean.copy_(mean)
        self.std.copy_(std)

    def raw(self, chunks: Iterable[Float[Tensor, "_ w f"]]) -> Iterator[Float[Tensor, "_ 64"]]:
        """Vectors before normalisation of a whole speech, whose windows come in chunks.

        No more than a few chunks are held; past the ends the first and last window are repeated.
        """
        held = None
        for chunk in chunks:
            for part in chunk.split(_BLOCK):
                before = part[:1].expand(CONTEXT_BEFORE, -1, -1) if held is None else held
                held = torch.cat([before, part])
                if len(held) > CONTEXT_BEFORE + CONTEXT_AFTER:
                    yield self.raw_runs(held[None])
                    held = held[-CONTEXT_BEFORE - CONTEXT_AFTER :]
        if held is not None:
            yield self.raw_runs(torch.cat([held, held[-1:].expand(CONTEXT_AFTER, -1, -1)])[None])

    def _whole(self, windows: Float[Tensor, "t w f"]) -> Float[Tensor, "t 64"]:
        """Raw vectors of a whole speech, block by block."""
        return torch.cat(list(self.raw([windows])))


def learnt_from(
    chunks: Iterable[Float[Tensor, "_ d"]],
    spoken: Bool[Tensor, " t"] | None,
    update: Callable[[Float[Tensor, "_ d"]], None],
) -> Iterator[Float[Tensor, "_ d"]]:
    """The chunks of a speech, of which the first ones are held until `update` has had those of the
    first `LEARNT` frames that are `spoken`; None: it gets none."""
    held, rest, first = list[Tensor](), iter(chunks), 0
    if spoken is not None:
        for rows in rest:
            end = min(first + len(rows), LEARNT)
            update(rows[: end - first][spoken[first:end]])
            held.append(rows)
            first += len(rows)
            if first >= LEARNT:
                break
    yield from chain(held, rest)
