"""A prior across people: the audio encoder and prototypes that a training starts from.

Minutes of one person's speech say little of how lips follow sounds; other people say it too. The
file holds the networks from speech features to f_a, and nothing of anybody's face.
"""

from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from audioplane.errors import CheckpointError, TrainingError
from audioplane.head import Head, HeadShape
from audioplane.run.tensors import damaged, load_tensors, reading, save_tensors
from audioplane.train.config import SYNTHETIC, TrainConfig

_PARTS = ("encoder", "prototypes")
_SHARED = ("feature_dim", "scales", "grid_size", "cell_features", "encoder", "attention")
"""Of a head's shape, what these networks depend on."""


@dataclass(frozen=True)
class Prior:
    """Networks trained on several people."""

    tensors: dict[str, Tensor]
    """By their names in a head's state."""
    speech: str
    """Feature kind that they were trained on."""
    shape: HeadShape
    """Of the head that they fit."""
    people: tuple[str, ...]
    """Identities of the subjects (`Subject.identity`)."""
    consents: tuple[str, ...]
    """Who consented to the training, as their subjects say it; empty where one does not."""
    iterations: int
    score: dict[str, float]
    """Of a held-out person (`UnseenScore`); empty without one."""
    sha256: str = ""
    """Digest of the file; a head that started from it keeps it."""

    def put_into(self, head: Head, speech: str) -> None:
        """Give a new head these networks.

        Raises `TrainingError` where it is trained on other features or has another shape.
        """
        if misfit := self.misfit(head.shape, speech):
            raise TrainingError(misfit)
        head.load_state_dict(head.state_dict() | self.tensors)

    def misfit(self, shape: HeadShape, speech: str) -> str:
        """Why a head of a shape that is trained on a feature kind cannot start from it, if so."""
        if speech != self.speech:
            return (
                f"the prior was trained on speech features '{self.speech}', this training has "
                f"'{speech}': set speech='{self.speech}', or take another prior"
            )
        own, theirs = asdict(shape), asdict(self.shape)
        for name in _SHARED:
            if own[name] != theirs[name]:
                return (
                    f"the prior has {name}={theirs[name]}, this training {own[name]}: train with "
                    "the prior's, or take another prior"
                )
        return ""


@cache
def synthetic_prior() -> Prior:
    """The prior that is shipped: of the synthesizer's speakers, nobody's voice and nobody's lips.

    `audioplane prior --synthetic 20` makes it anew (docs/decisions/train.md).
    """
    return read_prior(Path(__file__).with_name("synthetic_prior.safetensors"))


def started_from(config: TrainConfig, prior: Prior | None) -> tuple[TrainConfig, Prior | None]:
    """Settings of a training and what it starts from: `prior`, or else the shipped one where the
    settings ask for it and it fits.

    Raises `TrainingError` where the settings name another one.
    """
    if prior is None and config.prior and config.prior in (SYNTHETIC, synthetic_prior().sha256):
        shipped = synthetic_prior()
        shape = config.model.shape(shipped.shape.feature_dim, 1)
        prior = None if shipped.misfit(shape, config.speech) else shipped
    sha256 = prior.sha256 if prior else ""
    if config.prior not in ("", SYNTHETIC, sha256):
        raise TrainingError(
            f"config.prior is {config.prior[:12]}…, prior={sha256[:12] or None}: pass the file "
            "whose digest the settings name"
        )
    return replace(config, prior=sha256), prior


def audio_state(head: Head) -> dict[str, Tensor]:
    """The tensors of a head that a prior holds."""
    state = head.state_dict()
    return {k: v.clone() for k, v in state.items() if k.split(".")[0] in _PARTS}


def write_prior(path: Path, prior: Prior) -> None:
    """Write a prior's file. Raises `MediaError` where that is impossible."""
    facts = {
        "holds": "prior",
        "speech": prior.speech,
        "shape": asdict(prior.shape),
        "people": prior.people,
        "consents": prior.consents,
        "iterations": prior.iterations,
        "score": prior.score,
    }
    save_tensors(path, prior.tensors, facts)


def read_prior(path: Path) -> Prior:
    """Read a prior's file.

    Raises `CheckpointError` if it is missing, damaged, or no prior.
    """
    tensors, facts = load_tensors(path)
    if facts.get("holds") != "prior":
        raise CheckpointError(f"{path} is no prior: make one with train_prior or 'prior'")
    with reading(path):
        prior = Prior(
            tensors=tensors,
            speech=str(facts["speech"]),
            shape=HeadShape.from_facts(facts["shape"]),
            people=tuple(facts["people"]),
            consents=tuple(facts["consents"]),
            iterations=int(facts["iterations"]),
            score={k: float(v) for k, v in facts["score"].items()},
            sha256=str(facts["sha256"]),
        )
        fitting = audio_state(Head(prior.shape, torch.Generator()))
    if {k: v.shape for k, v in fitting.items()} != {k: v.shape for k, v in tensors.items()}:
        raise damaged(path, "its tensors do not fit its shape")
    return prior
