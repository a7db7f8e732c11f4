"""How far the codes of a head part its lips, and what moves them further.

A head learns the mean of all lips that go with a sound, so it opens and closes its mouth less than
the person did: the less, the less the sound tells. A linear law of the recorded opening in the
codes says how much less, and in which direction of the codes the missing part lies.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

_RIDGE = 0.01
"""Of the law, as a share of the codes' mean variance."""
_LEAST = 1e-6
"""Deviation of the aperture below which a mouth does not move."""
_OUTER = 0.02
"""Share of the training frames whose opening lies outside the range, on either side."""
_ENOUGH = 50
"""Unheard frames (2 s) that tell the spread as much as all training frames do."""


@dataclass(frozen=True)
class Mouths:
    """What codes can be compared with."""

    codes: Float[Tensor, "t k"]
    apertures: Float[Tensor, " t"]
    """Recorded in the same frames (`face.regions.mouth_aperture`)."""


@dataclass(frozen=True)
class LipOpening:
    """The opening between the lips, in standard deviations from its mean over the training
    frames."""

    read: Float[Tensor, " k"]
    """A code times this, less `offset`, is its opening."""
    offset: float
    move: Float[Tensor, " k"]
    """What codes have in common whose opening is further by 1."""
    spread: float
    """Standard deviation of what codes say; 1 is the recorded one's."""
    low: float
    high: float
    """Recorded openings: nearly all are between these."""

    def of(self, codes: Float[Tensor, "t k"]) -> Float[Tensor, " t"]:
        """The openings that codes stand for."""
        return codes @ self.read - self.offset

    def closed(self, code: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        """A code whose lips are as closed as nearly any recorded ones."""
        return code - (self.of(code[None]) - self.low).clamp(min=0) * self.move

    def to(self, device: torch.device) -> "LipOpening":
        """The same on a device."""
        return replace(self, read=self.read.to(device), move=self.move.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """As a head file keeps it."""
        numbers = [self.offset, self.spread, self.low, self.high]
        kept = torch.tensor(numbers, dtype=torch.float64)
        return {"read": self.read, "move": self.move, "numbers": kept}

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor]) -> "LipOpening":
        """The inverse of `tensors`. Raises `KeyError` or `ValueError` for others."""
        offset, spread, low, high = tensors["numbers"].tolist()
        read, move = tensors["read"].clone(), tensors["move"].clone()  # aligned: the same sums
        return LipOpening(read, offset, move, spread, low, high)


def lip_opening(heard: Mouths, unheard: Mouths | None = None) -> LipOpening | None:
    """The law of the training frames, by ridge regression; None where nothing opens or moves.

    Codes of speech that a head was trained on say more than others: how far they part the lips is
    told by both.

    Args:
        heard: The training frames.
        unheard: Frames whose speech was not trained on; None where there are none.
    """
    own, apertures = heard.codes.double(), heard.apertures
    deviation = apertures.std(correction=0)
    mean = own.mean(0)
    away = own - mean
    squares = away.T @ away
    if not (deviation > _LEAST and squares.trace() > 0):
        return None
    recorded = (apertures - apertures.mean()) / deviation
    damped = squares + _RIDGE * squares.diagonal().mean() * torch.eye(len(squares)).to(squares)
    read = torch.linalg.solve(damped, away.T @ recorded.to(squares))
    found = away @ read
    move = away.T @ found / found.square().sum()
    low, high = recorded.quantile(torch.tensor([_OUTER, 1 - _OUTER]).to(recorded)).tolist()
    said, true = found.var(correction=0).item(), 1.0
    if unheard is not None:
        share = len(unheard.codes) / _ENOUGH
        said += share * (unheard.codes.double() @ read).var(correction=0).item()
        true += share * (unheard.apertures / deviation).var(correction=0).item()
    spread = (said / true) ** 0.5
    read, move, offset = read.to(heard.codes), move.to(heard.codes), (mean @ read).item()
    return LipOpening(read, offset, move, spread, low, high)
