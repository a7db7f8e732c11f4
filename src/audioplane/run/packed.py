"""The reader of packs: the head and the footage in the file.

A pack is a safetensors file. Its header describes the head; its body holds the tensors of the
head file and the footage of the shots: K [3, 3], the background (a WebP image without loss), and of
each frame its expression and, where the torso is recorded, that torso (a WebP image with alpha);
and the motion graph of its shots, where they have one.
Nothing in it names a path or a user of the machine that made it.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from safetensors import SafetensorError, safe_open
from torch import Tensor

from audioplane.errors import CheckpointError, MediaError, SubjectError
from audioplane.media.image import decode_image
from audioplane.run.footage import longest_shot
from audioplane.run.head_file import TrainedHead, trained_from
from audioplane.run.motion_graph import MotionGraph, shown_frames
from audioplane.run.paths import RunPaths
from audioplane.run.tensors import check_digest, damaged, read_facts, reading, under
from audioplane.speech import StreamStatistics
from audioplane.speech.bands import BANDS
from audioplane.subject import FrameRef
from audioplane.subject.torso import over

TORSO, BACKGROUND, K, EXPRESSIONS, BLINKS, BODIES, MOTION = (
    f"footage/{x}"
    for x in ("torso/", "background", "K", "expressions", "blinks", "bodies", "motion")
)
"""Names of tensors. Packs of heads that know blinks alone may hold `BLINKS`."""


class TensorsOnDisk(Mapping[str, Tensor]):
    """Tensors of a safetensors file, read on demand."""

    def __init__(self, path: Path):
        self._file: Any = safe_open(path, "pt")
        self._names = dict.fromkeys(self._file.keys())

    def __getitem__(self, name: str) -> Tensor:
        return self._file.get_tensor(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class PackedFootage:
    """Footage of a pack; torsos are decoded on demand."""

    refs: Sequence[FrameRef]
    K: Float[np.ndarray, "3 3"]
    size: tuple[int, int]
    background: UInt8[np.ndarray, "h w 3"]
    expressions: dict[int, Float[np.ndarray, " e"]]
    """By img_id."""
    tensors: Mapping[str, Tensor]
    bodies: Mapping[int, Tensor]
    """By img_id; empty where the body was not tracked."""
    recorded: bool
    """Whether the torso is the recorded one."""
    lengths: Sequence[int]
    """Frames of each shot."""

    @property
    def shots(self) -> Sequence[Sequence[FrameRef]]:
        return [self.refs[a:b] for a, b in pairwise(np.cumsum([0, *self.lengths]).tolist())]

    @property
    def loop(self) -> Sequence[FrameRef]:
        return longest_shot(self.shots)

    def expression(self, ref: FrameRef) -> Float[np.ndarray, " e"]:
        return self.expressions[ref.img_id]

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"] | None:
        if not self.recorded:
            return None
        name = f"{TORSO}{ref.img_id}"
        if name not in self.tensors:
            raise CheckpointError(f"this pack lacks the torso of frame {ref.img_id}")
        torso = decode_image(self.tensors[name].numpy().tobytes(), 4, name)
        if torso.shape[:2] != self.background.shape[:2]:
            raise CheckpointError(f"{name} of this pack is not of its frames' size: pack it again")
        return torso

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        torso = self.torso(ref)
        return self.background if torso is None else over(torso, self.background)

    def body(self, ref: FrameRef) -> Float[np.ndarray, "4 4"]:
        if ref.img_id not in self.bodies:
            raise SubjectError("this pack does not say where the body is: pack the run again")
        return self.bodies[ref.img_id].double().numpy()


@dataclass(frozen=True)
class Pack:
    """The contents of a pack."""

    trained: TrainedHead
    footage: PackedFootage
    motion: MotionGraph | None
    """None where nothing can be gone on with elsewhere, and in older packs."""
    voice: StreamStatistics | None
    head_sha256: str
    """Digest of the head file that was packed, so that the marks of both agree."""


def read_pack(path: Path) -> Pack:
    """Open a pack. Raises `CheckpointError` if it is missing, damaged or of another version, or
    holds something else."""
    facts = read_facts(path)
    if "head_sha256" not in facts:
        raise CheckpointError(f"{path} is no pack: pass {_instead(path, facts)}")
    try:
        with reading(path):
            return _pack(path, facts)
    except (OSError, SafetensorError, MediaError) as e:
        raise damaged(path, e) from e


def _instead(path: Path, facts: dict) -> str:
    """What to open in place of a file that is no pack, for people."""
    if "pose_ids" not in facts:  # neither a head nor a checkpoint
        return "one, or the folder of a run"
    folder, checkpoints = path.parent, RunPaths(path.parent.parent).checkpoints
    return f"the folder of its run, {folder.parent if folder == checkpoints else folder}"


def _pack(path: Path, facts: dict) -> Pack:
    tensors = TensorsOnDisk(path)
    check_digest(path, tensors, facts)
    model = {name: tensors[name] for name in tensors if not name.startswith("footage/")}
    trained = trained_from(path, model, facts)
    views = trained.views
    ids = [int(i) for i in facts.get("loop", views)]  # older packs: all poses are the loop's
    width, height = (int(x) for x in facts["size"])
    names = set(tensors)
    expressions = tensors[EXPRESSIONS if EXPRESSIONS in names else BLINKS].numpy()
    if expressions.shape[1] != trained.head.shape.expression:
        raise ValueError("its expressions are not its head's")
    footage = PackedFootage(
        [FrameRef(i, i, views[i].double().numpy()) for i in ids],
        tensors[K].numpy(),
        (width, height),
        decode_image(tensors[BACKGROUND].numpy().tobytes(), 3),
        dict(zip(ids, expressions, strict=True)),
        tensors,
        _bodies(trained, ids, tensors),
        trained.torso == "recorded",
        [int(n) for n in facts.get("shots", [len(ids)])],
    )
    if footage.background.shape != (height, width, 3) or footage.K.shape != (3, 3) or not ids:
        raise ValueError("its footage is not of one size")
    if trained.head.detail is not None:
        trained.head.detail.require_size(width, height)
    if not (footage.K[0, 0] > 0 and footage.K[1, 1] > 0):
        raise ValueError("its camera has no focal length")
    if sum(footage.lengths) != len(ids):
        raise ValueError("its shots are not its footage's")
    motion = under(MOTION, {name: tensors[name] for name in names if name.startswith(MOTION)})
    graph = MotionGraph.of(footage.refs, motion) if motion else None
    shown = shown_frames(footage, graph) if footage.recorded else []
    if missing := sum(f"{TORSO}{ref.img_id}" not in names for ref in shown):
        raise ValueError(f"{missing} torsos are missing")
    digest = str(facts["head_sha256"])
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError("its head_sha256 is no digest")
    return Pack(trained, footage, graph, voice_from(facts["voice"]), digest)


def _bodies(
    trained: TrainedHead, ids: Sequence[int], tensors: Mapping[str, Tensor]
) -> Mapping[int, Tensor]:
    if trained.bodies or BODIES not in set(tensors):
        return trained.bodies
    return dict(zip(ids, tensors[BODIES], strict=True))


def voice_facts(voice: StreamStatistics | None) -> dict | None:
    """The statistics of a voice as JSON keeps them."""
    if voice is None:
        return None
    return {"level": voice.level, "bands": voice.bands.tolist(), "own": dict(voice.own)}


def voice_from(facts: dict | None) -> StreamStatistics | None:
    """The inverse of `voice_facts`. Raises `ValueError` for others."""
    if facts is None:
        return None
    voice = StreamStatistics(**{**facts, "bands": np.array(facts["bands"], np.float32)})
    if voice.bands.shape != (BANDS,) or not np.isfinite(voice.bands).all():
        raise ValueError("its voice has no level in every band")
    if not 0 < voice.level < math.inf:
        raise ValueError("its voice has no level")
    return voice
