"""Files of a run: checkpoints to go on from, and the head to drive. Safetensors only.

<run>/config.json                 settings, subject and versions
<run>/checkpoints/<iteration>.safetensors   the last three
<run>/head.safetensors            the newest good head, all that `drive` needs
<run>/consent.txt                 who consented, where the head does not say (`drive --consent`)
<run>/events.jsonl                what the training said
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from audioplane.assets import write_atomically
from audioplane.errors import CheckpointError
from audioplane.head import Gaussians, Head, HeadShape
from audioplane.speech.familiarity import Familiarity
from audioplane.train.config import TrainConfig

CHECKPOINT_VERSION = 1
_KEPT = 3


@dataclass(frozen=True)
class RunPaths:
    """Names the files of a run folder."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def head(self) -> Path:
        return self.root / "head.safetensors"

    @property
    def consent(self) -> Path:
        """Who consented, stated when the head was driven, where the head itself does not say."""
        return self.root / "consent.txt"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def checkpoint(self, iteration: int) -> Path:
        return self.checkpoints / f"{iteration:07d}.safetensors"

    def latest(self) -> Path | None:
        """The newest checkpoint, if there is one."""
        return max(self.checkpoints.glob("*.safetensors"), default=None)

    def drop_old(self) -> None:
        """Keep the last three checkpoints."""
        for path in sorted(self.checkpoints.glob("*.safetensors"))[:-_KEPT]:
            path.unlink()


def save_tensors(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write tensors and JSON facts under a temporary name, sync, rename.

    Raises `MediaError` if the disk is full or the folder cannot be written.
    """
    contents = {k: v.detach().contiguous().cpu() for k, v in tensors.items()}
    metadata = {"audioplane": json.dumps({"version": CHECKPOINT_VERSION, **facts})}
    # Written here and not by safetensors, whose error on a full disk is no OSError.
    with write_atomically(path) as partial:
        partial.write_bytes(save(contents, metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read what `save_tensors` wrote.

    Raises `CheckpointError` if the file is missing, damaged or of another version.
    """
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})["audioplane"])
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as e:
        raise CheckpointError(
            f"{path} is damaged or no checkpoint of audioplane ({e}): delete it and run "
            "'audioplane train' again, it goes on from the last good one"
        ) from e
    if facts["version"] != CHECKPOINT_VERSION:
        raise CheckpointError(
            f"{path} has format version {facts['version']}, this audioplane reads "
            f"{CHECKPOINT_VERSION}: train again"
        )
    return tensors, facts


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under names that begin with `prefix/`."""
    return {f"{prefix}/{k}": v for k, v in tensors.items()}


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix/`, without it."""
    start = prefix + "/"
    return {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}


def head_tensors(head: Head) -> dict[str, Tensor]:
    """All weights and Gaussians of a head."""
    gaussians = prefixed("gaussians", head.gaussians.tensors())
    return prefixed("head", dict(head.state_dict())) | gaussians


def fill_head(head: Head, tensors: dict[str, Tensor]) -> None:
    """Put weights and Gaussians into a head of the same shape."""
    weights = under("head", tensors)
    head.driver = torch.zeros_like(weights["driver"])
    with torch.no_grad():
        head.load_state_dict(weights)
    head.gaussians = Gaussians(**under("gaussians", tensors))


@dataclass(frozen=True)
class TrainedHead:
    """A head as `drive` and `evaluate` take it."""

    head: Head
    config: TrainConfig
    iteration: int
    subject: Path
    """The folder it was trained on."""
    identity: str
    """Which subject that was (`Subject.identity`)."""
    views: dict[int, Tensor]
    """Refined poses of the training frames, world→camera, by img_id."""
    consent: str
    """Who consented to the making of this head; empty if the subject did not say."""
    familiarity: Familiarity | None = None
    """The speech that it learned from; None where the run did not keep it."""


def load_head(run: Path) -> TrainedHead:
    """Load the head of a run folder.

    Raises `CheckpointError` if there is none or it cannot be read.
    """
    paths = RunPaths(Path(run))
    if not paths.head.exists():
        raise CheckpointError(f"{run} holds no trained head: run 'audioplane train' first")
    tensors, facts = load_tensors(paths.head)
    head = Head(_shape(facts["shape"]), torch.Generator())
    fill_head(head, tensors)
    head.requires_grad_(False)
    head.eval()
    views = zip(facts["pose_ids"], tensors["views"], strict=True)
    return TrainedHead(
        head,
        TrainConfig.from_json(facts["config"]),
        facts["iteration"],
        Path(facts["subject"]),
        facts["identity"],
        dict(views),
        facts.get("consent", ""),  # heads of before do not say
        familiarity_from(tensors),
    )


def familiarity_tensors(known: Familiarity) -> dict[str, Tensor]:
    """What a head's file keeps of the speech that it learned from."""
    arrays = {"examples": known.examples, "deviation": known.deviation, "usual": known.usual}
    return prefixed("familiarity", {k: torch.as_tensor(v) for k, v in arrays.items()})


def familiarity_from(tensors: dict[str, Tensor]) -> Familiarity | None:
    """What `familiarity_tensors` wrote; None in files of before it was kept."""
    kept = under("familiarity", tensors)
    if not kept:
        return None
    return Familiarity(kept["examples"].numpy(), kept["deviation"].numpy(), float(kept["usual"]))


def _shape(facts: dict) -> HeadShape:
    """A head's shape from JSON, which knows no tuples."""
    return HeadShape(**{**facts, "scales": tuple(facts["scales"])})
