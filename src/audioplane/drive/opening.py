"""Lips that part as far as the person's, whoever speaks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from audioplane.head.audio import RunningNorm, learnt_from
from audioplane.run.opening import LipOpening

_ENOUGH = 100
"""Frames with speech (4 s) after which a voice's own spread counts as much as the training's."""
_SPREAD = 1.25
"""What codes' openings should deviate by, in recorded standard deviations: images show less of it
than the codes say (docs/decisions/drive.md)."""
_MOST = 1.8
"""Factor on the opening, at most."""


class OpeningGain:
    """Moves codes so that the lips' opening deviates as much as in the recording.

    It starts with what is missing in training and moves to what is missing with the voice that
    speaks.
    """

    def __init__(self, opening: LipOpening | None, articulation: float = 1.0):
        """Without an opening codes stay as they are."""
        self._opening, self._articulation = opening, articulation
        self._count, self._sum, self._squares = 0, 0.0, 0.0

    def update(self, codes: Float[Tensor, "n k"]) -> None:
        """Add codes of frames with speech."""
        if self._opening is None:
            return
        found = self._opening.of(codes).double()
        self._count += len(found)
        self._sum += found.sum().item()
        self._squares += found.square().sum().item()

    def applied(self, codes: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """The codes with their lips further open or closed, within the recorded range."""
        law = self._opening
        if law is None:
            return codes
        n, share = max(1, self._count), self._count / (self._count + _ENOUGH)
        mean = self._sum / n
        spread = (share * (self._squares / n - mean**2) + (1 - share) * law.spread**2) ** 0.5
        factor = min(_MOST, max(1.0, _SPREAD * self._articulation / max(spread, 1e-3)))
        told, centre = law.of(codes), share * mean
        wide = centre + factor * (told - centre)
        kept = wide.clamp(told.clamp(max=law.low), told.clamp(min=law.high))
        return codes + (kept - told)[:, None] * law.move

    def chunks(
        self, chunks: Iterable[Float[Tensor, "_ k"]], spoken: Bool[Tensor, " t"] | None = None
    ) -> Iterator[Float[Tensor, "_ k"]]:
        """`applied` to a speech that comes in chunks, of which the first `LEARNT` frames, those
        `spoken`, tell the voice; they are held."""
        if self._opening is None:
            spoken = None
        yield from map(self.applied, learnt_from(chunks, spoken, self.update))


@dataclass(frozen=True)
class Articulation:
    """How far speech moves the lips."""

    factor: float = 1.0
    """Of what the head learned: on the audio vectors (`AudioEncoder`), and on the opening."""
    opening: LipOpening | None = None
    """The law by which lips part as far as the recorded ones; None for as far as the codes say."""

    def to(self, device: torch.device) -> "Articulation":
        """The same on the device of the codes."""
        law = self.opening
        return self if law is None else replace(self, opening=law.to(device))

    def gain(self) -> OpeningGain:
        """For a voice that has not spoken yet."""
        return OpeningGain(self.opening, self.factor)


@dataclass(frozen=True)
class Voice:
    """The statistics of the voice that drives a head, as far as it has spoken."""

    norm: RunningNorm
    gain: OpeningGain
