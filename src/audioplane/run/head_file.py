"""The head file: a trained head without its footage, `head.safetensors` of a run folder."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.errors import CheckpointError
from audioplane.head import DetailMap, Head, HeadShape
from audioplane.run.opening import LipOpening
from audioplane.run.tensors import load_tensors, prefixed, reading, save_tensors, under
from audioplane.speech.familiarity import Familiarity

OPENING = "opening"
"""Prefix of the names of the tensors of `LipOpening`."""
_STATE = "gaussian_parameters."
"""Prefix of the names of the Gaussians in a head's state."""


@dataclass(frozen=True)
class TrainedHead:
    """A head and facts about its training."""

    head: Head
    speech: str
    """Name of the feature kind that it was trained on."""
    identity: str
    """Which subject it was trained on (`Subject.identity`)."""
    views: dict[int, Tensor]
    """Refined poses of the training frames, world→camera [4, 4], by img_id."""
    bodies: dict[int, Tensor] = field(default_factory=dict)
    """Of a head with a body: that of each of them (`View.body`)."""
    iteration: int = 0
    """Iterations that it was trained for."""
    seed: int = 0
    loss: str = ""
    """What the training minimised between images."""
    consent: str = ""
    """Who consented to the making of this head; empty if the subject did not state it."""
    settings: dict = field(default_factory=dict)
    """All settings of the training, as JSON keeps them."""
    familiarity: Familiarity | None = None
    """Statistics of its training speech; None where the subject had no sound."""
    rest_code: Float[Tensor, " k"] | None = None
    """The mean code of its most closed mouths (`run.rest`); None in older files, and where not
    speech but time moves the head."""
    lip_opening: LipOpening | None = None
    """How far its codes part the lips; None likewise."""

    @property
    def torso(self) -> Literal["recorded", "model"]:
        """What is below the head: the recording's torso, or Gaussians of the whole person."""
        return "recorded" if self.head.body is None else "model"


def write_head(path: Path, trained: TrainedHead) -> None:
    """Write a head file, completely or not at all. Raises `MediaError` where that is impossible."""
    save_tensors(path, trained_tensors(trained), trained_facts(trained))


def read_head(path: Path) -> TrainedHead:
    """Read a head file of this version or an older one.

    Raises `CheckpointError` if it is missing, damaged, or of another version.
    """
    return trained_from(path, *load_tensors(path))


def trained_facts(trained: TrainedHead) -> dict:
    """The facts about a head in a header."""
    return {
        "speech": trained.speech,
        "identity": trained.identity,
        "iteration": trained.iteration,
        "seed": trained.seed,
        "loss": trained.loss,
        "consent": trained.consent,
        "settings": trained.settings,
        "shape": asdict(trained.head.shape),
        "pose_ids": list(trained.views),
    }


def trained_tensors(trained: TrainedHead) -> dict[str, Tensor]:
    """All tensors of a trained head, by their names in a file."""
    views = list(trained.views.values())
    tensors = head_tensors(trained.head) | {"views": torch.stack(views)}
    if trained.bodies:
        tensors["bodies"] = torch.stack([trained.bodies[i] for i in trained.views])
    if trained.familiarity is not None:
        tensors |= familiarity_tensors(trained.familiarity)
    if trained.rest_code is not None:
        tensors["rest"] = trained.rest_code
    if trained.lip_opening is not None:
        tensors |= prefixed(OPENING, trained.lip_opening.tensors())
    if trained.head.detail is not None:
        tensors |= prefixed("detail", trained.head.detail.tensors())
    return tensors


def trained_from(path: Path, tensors: dict[str, Tensor], facts: dict) -> TrainedHead:
    """The head of which these are `trained_tensors` and `trained_facts`.

    Raises `CheckpointError`, naming the file, where they do not belong together.
    """
    with reading(path):
        facts = _of_version_1(facts) if facts["version"] == 1 else facts
        head = Head(HeadShape.from_facts(facts["shape"]), torch.Generator())
        fill_head(head, tensors)
        if detail := under("detail", tensors):
            head.detail = DetailMap.of(detail, len(head.gaussians))
        ids = [int(i) for i in facts["pose_ids"]]
        opening = under(OPENING, tensors)
        trained = TrainedHead(
            head=head.requires_grad_(False).eval(),
            speech=str(facts["speech"]),
            identity=str(facts["identity"]),
            views=dict(zip(ids, tensors["views"], strict=True)),
            bodies={} if head.body is None else dict(zip(ids, tensors["bodies"], strict=True)),
            iteration=int(facts["iteration"]),
            seed=int(facts["seed"]),
            loss=str(facts["loss"]),
            consent=str(facts["consent"]),
            settings=dict(facts["settings"]),
            familiarity=familiarity_from(tensors),
            rest_code=tensors.get("rest"),
            lip_opening=LipOpening.from_tensors(opening) if opening else None,
        )
        _check_codes(trained)
    if any(view.shape != (4, 4) for view in (*trained.views.values(), *trained.bodies.values())):
        raise CheckpointError(f"{path} holds poses that are not 4 x 4 matrices")
    return trained


def _check_codes(trained: TrainedHead) -> None:
    """Raises `ValueError` where what belongs to a head's codes is of another size or type."""
    opening = trained.lip_opening
    for own in (trained.rest_code, *((opening.read, opening.move) if opening else ())):
        if own is not None and (own.shape, own.dtype) != ((trained.head.code_size,), torch.float32):
            raise ValueError("its rest or opening is not of its head's codes")


def _of_version_1(facts: dict) -> dict:
    """Facts in today's form, of a file that holds the training's flat settings only."""
    config = facts["config"]
    terms = {"D-SSIM": config.get("lambda_dssim", 0), "LPIPS": config.get("lambda_lpips", 0)}
    loss = " + ".join(["L1", *(f"{w} {name}" for name, w in terms.items() if w)])
    own = {"speech": config["speech"], "seed": config["seed"], "loss": loss, "settings": config}
    return {"consent": "", **facts, **own}


def head_tensors(head: Head) -> dict[str, Tensor]:
    """All weights and Gaussians of a head."""
    renamed = {_STATE + name: f"gaussians/{name}" for name in head.gaussians.tensors()}
    renamed["moved_by"] = "head/driver"  # the name in the files of 0.1
    return {renamed.get(k, f"head/{k}"): v for k, v in head.state_dict().items()}


def fill_head(head: Head, tensors: dict[str, Tensor]) -> None:
    """Put weights and Gaussians into a head of the same shape; fold it where they are folded."""
    state = under("head", {todays_name(name): x for name, x in tensors.items()})
    state["moved_by"] = state.pop("driver")
    state |= {_STATE + name: x for name, x in under("gaussians", tensors).items()}
    folded = state.pop("folded", None)
    if folded is not None:
        state |= {f"grid.{name}": x for name, x in head.grid.state_dict().items()}
    # A file in which blinks alone moved the eyes holds no range of expressions.
    own = {f"expression.{name}": x for name, x in head.expression.named_buffers()}
    head.load_state_dict(own | state)
    if folded is not None:
        head.fold(folded)


def todays_name(name: str) -> str:
    """The name of a tensor in the files of today, of one in those in which blinks alone moved the
    eyes."""
    return name.replace("head/eyes.", "head/expression.network.")


def familiarity_tensors(known: Familiarity) -> dict[str, Tensor]:
    """The statistics of the training speech as a head file keeps them."""
    arrays = {"examples": known.examples, "deviation": known.deviation, "usual": known.usual}
    return prefixed("familiarity", {k: torch.as_tensor(v) for k, v in arrays.items()})


def familiarity_from(tensors: dict[str, Tensor]) -> Familiarity | None:
    """The inverse of `familiarity_tensors`; None for older files, which lack them."""
    kept = under("familiarity", tensors)
    if not kept:
        return None
    return Familiarity(kept["examples"].numpy(), kept["deviation"].numpy(), float(kept["usual"]))
