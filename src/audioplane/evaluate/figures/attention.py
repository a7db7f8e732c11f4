"""The audio prototypes and the phones that they respond to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from audioplane.head import Head
from audioplane.media.audio import read_audio
from audioplane.speech import Speech
from audioplane.speech.phones import PHONES, SILENCE, decode_phones
from audioplane.subject import Subject

STRONGEST = 20
"""Prototypes shown: those whose weight changes most over the subject's speech."""
LEAST_LIFT = 2.0
"""A prototype responds to a phone that is this many times more frequent under it than elsewhere."""
_MOST_PHONES = 3
_FROM_CLOSED_TO_OPEN: Sequence[str] = (
    "SIL M B P F V W UW UH OW OY AO SH ZH CH JH R ER L N NG DH TH D T S Z K G Y IY IH EY EH HH AH "
    "AY AE AW AA"
).split()
"""Phones by the shape of the lips: closed, rounded, spread, open."""


@dataclass(frozen=True)
class Prototype:
    """One row of an audio prototype grid."""

    scale: int
    row: int
    phones: tuple[str, ...]
    """The phones it responds to, the most typical first; empty where phones are not known or none
    stands out."""
    lifts: tuple[float, ...]
    """How many times more frequent each of these is under it."""
    mean: float
    """Mean weight over the subject's speech; those of a scale sum to 1."""
    weights: Float[np.ndarray, " t"]
    """In the frames that are shown."""

    @property
    def name(self) -> str:
        return f"A{self.scale}, row {self.row}"


@torch.no_grad()
def strongest_prototypes(
    head: Head, subject: Subject, features: Float[np.ndarray, "t w f"], shown: Int[np.ndarray, " s"]
) -> list[Prototype]:
    """The prototypes that distinguish sounds, ordered from closed lips to open ones.

    Args:
        head: A trained head; one without prototypes gives an empty list.
        subject: Its recording gives the phones; without its sound there are none.
        features: The subject's speech features, on which the prototypes are judged.
        shown: Rows of `features` whose weights are wanted.
    """
    windows = torch.from_numpy(features).to(head.device)
    scales = [w.cpu().numpy() for w in head.prototype_weights(windows)]
    if not scales:
        return []
    spoken = _spoken_phones(subject, len(features))
    candidates = [
        (scale, row, weights[:, row])
        for scale, weights in zip(head.shape.scales, scales, strict=True)
        for row in range(weights.shape[1])
    ]
    candidates.sort(key=lambda c: -float(c[2].std()))
    found = []
    for scale, row, weights in candidates[:STRONGEST]:
        phones, lifts = _typical_phones(weights, spoken)
        found.append(Prototype(scale, row, phones, lifts, float(weights.mean()), weights[shown]))
    return sorted(found, key=lambda p: _openness(p.phones))


def _spoken_phones(subject: Subject, frames: int) -> Float[np.ndarray, "t p"] | None:
    """Share of each phone in every frame, by pocketsphinx; None without a sound."""
    if not subject.paths.audio.exists():
        return None
    speech = Speech(read_audio(subject.paths.audio))
    decoded = np.concatenate([*decode_phones(speech)])[: 4 * frames]
    decoded = np.pad(decoded, (0, 4 * frames - len(decoded)), constant_values=SILENCE)
    return np.eye(len(PHONES))[decoded].reshape(frames, 4, -1).mean(1)


def _typical_phones(
    weights: Float[np.ndarray, " t"], spoken: Float[np.ndarray, "t p"] | None
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    if spoken is None:
        return (), ()
    under = weights @ spoken / weights.sum()
    # A phone that hardly occurs is typical of nothing.
    lifts = under / (spoken.mean(0) + 0.005)
    order = [i for i in np.argsort(-lifts)[:_MOST_PHONES] if lifts[i] >= LEAST_LIFT]
    return tuple(PHONES[i] for i in order), tuple(float(lifts[i]) for i in order)


def _openness(phones: Sequence[str]) -> int:
    """Rank of a prototype; last where it has no phone."""
    return _FROM_CLOSED_TO_OPEN.index(phones[0]) if phones else len(_FROM_CLOSED_TO_OPEN)
