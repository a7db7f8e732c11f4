"""The writer of packs: a head in one file, with all that driving needs (`run.packed` reads it)."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from audioplane.assets import check_output
from audioplane.head import Head
from audioplane.media.image import encode_image
from audioplane.progress import Counter, Report, ignore
from audioplane.run.head_file import OPENING, trained_facts, trained_tensors
from audioplane.run.packed import (
    BACKGROUND,
    BODIES,
    EXPRESSIONS,
    MOTION,
    TORSO,
    K,
    voice_facts,
)
from audioplane.run.paths import RunPaths
from audioplane.run.run import Run
from audioplane.run.tensors import prefixed, save_tensors

SUFFIX = ".head"
TORSO_QUALITY = 95
"""Of WebP, 0 to 100: 51 dB and 14 kB for each torso of a news presenter at 512 x 512."""
_LOSSLESS = 101


def pack(run: Run, out: Path, report: Report = ignore) -> Path:
    """Write all that driving a run's head needs into one file.

    Args:
        run: An open run (`open_run`); its subject must be there.
        out: The file to write; `.head` is added to a name without a suffix.
        report: Called after every torso.

    Returns:
        Where it was written.

    Raises:
        SubjectError: The run's subject is not there.
        MediaError: The file cannot be written, or is the head that is packed.
    """
    out = Path(out)
    named = out.name.strip(".")  # else a folder, which is refused
    out = out.with_suffix(SUFFIX) if named and not out.suffix else out
    check_output(out, run.path if run.packed else RunPaths(run.path).head)
    footage, subject = run.footage, run.subject
    frames = list(footage.refs)
    tensors = trained_tensors(run)
    if run.mean_rest is not None:
        tensors["rest"] = run.mean_rest
    if run.opening is not None:
        tensors |= prefixed(OPENING, run.opening.tensors())
    _fold(run.head, tensors)
    torsos = run.shown if run.torso == "recorded" else ()
    step = Counter(report, "pack", len(torsos))
    for ref in torsos:
        tensors[f"{TORSO}{ref.img_id}"] = _encoded(subject.torso(ref), TORSO_QUALITY)
        step()
    tensors[BACKGROUND] = _encoded(subject.background, _LOSSLESS)
    tensors[K] = torch.from_numpy(footage.K)
    rows = [footage.expression(ref) for ref in frames]
    tensors[EXPRESSIONS] = torch.from_numpy(np.stack(rows).astype(np.float32))
    bodies = run.tracked_bodies
    if run.torso == "recorded" and bodies is not None:
        tensors[BODIES] = torch.from_numpy(bodies)
    if run.motion is not None:
        tensors |= prefixed(MOTION, run.motion.tensors())
    facts = {
        **trained_facts(run),
        "loop": [ref.img_id for ref in frames],
        "shots": [len(shot) for shot in footage.shots],
        "size": list(footage.size),
        "voice": voice_facts(run.voice),
        "head_sha256": run.sha256,
    }
    save_tensors(out, tensors, facts)
    return out


def _fold(head: Head, tensors: dict[str, Tensor]) -> None:
    """Replace space planes and line grids by what `Head.fold` takes, where that is smaller."""
    planes = [f"head/grid.{name}" for name in ("planes", "lines")]
    if head.folded is not None:
        return
    rows = head.space_features(torch.cat(head.moving()))
    if rows.numel() < sum(tensors[name].numel() for name in planes):
        tensors["head/folded"] = rows
        for name in planes:
            del tensors[name]


def _encoded(image: UInt8[np.ndarray, "h w c"], quality: int) -> Tensor:
    data = encode_image(image, ".webp", quality)
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
