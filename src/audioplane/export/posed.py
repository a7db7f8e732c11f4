"""The Gaussians of a head at rest or as it speaks, to files."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.clock import FPS, SAMPLE_RATE
from audioplane.credentials.provenance import who_agreed
from audioplane.drive import Talker
from audioplane.drive.moment import Moment
from audioplane.errors import MediaError, SpeechError
from audioplane.export.gltf import write_gltf
from audioplane.export.ply import write_ply
from audioplane.head import Gaussians, Motion, follow_body
from audioplane.progress import Counter, Report, ignore
from audioplane.run import Run
from audioplane.speech import Speech

SUFFIXES = (".ply", ".glb")


def export_gaussians(
    run: Run,
    out: Path,
    speech: Path | None = None,
    frame: int | None = None,
    consent: str = "",
    report: Report = ignore,
) -> list[Path]:
    """Write a head's Gaussians, deformed, as PLY or glTF, by the suffix of `out`.

    Args:
        run: An open run or pack.
        out: The file, .ply or .glb. Of a whole speech there is one for each frame, numbered:
            out-00000.ply, out-00001.ply, …
        speech: What it says, at the poses of its footage; None for a head that is silent, in
            the axes of its world.
        frame: The one frame of the speech that is written; None for all.
        consent: Who agreed to the making of this head, where it does not state that.
        report: Called after every file.

    Returns:
        The files.

    Raises:
        CredentialsError: Nobody consented.
        MediaError: The suffix is another one, or a file cannot be read or written.
        SpeechError: There are no such features here, the speech has no such frame, or a frame is
            asked for without a speech.
    """
    if out.suffix not in SUFFIXES:
        raise MediaError(f"{out} is neither {' nor '.join(SUFFIXES)}: choose one of them")
    if speech is None and frame is not None:
        raise SpeechError(f"frame={frame} is one of a speech, and no speech is given")
    facts = _facts(run, who_agreed(consent, run.consent))
    talker = Talker(run)
    if speech is None:
        _write(out, _at_rest(talker), facts)
        return [out]
    heard = Speech.read(speech)
    codes = talker.codes(heard)
    if frame is not None and not 0 <= frame < len(codes):
        raise SpeechError(f"frame={frame}: {speech} has {len(codes)} frames, the first is 0")
    wanted = range(len(codes)) if frame is None else [frame]
    motion, step, written = talker.animator.motion(), Counter(report, "export", len(wanted)), []
    for t, speaks in enumerate(heard.spoken_frames()[: wanted[-1] + 1].tolist()):
        moment = motion.step(speaks)
        if t not in wanted:
            continue
        path = out if frame is not None else out.with_stem(f"{out.stem}-{t:05d}")
        _write(path, _speaking(talker, codes[t], moment), facts)
        written.append(path)
        step()
    return written


def _facts(run: Run, consent: str) -> dict[str, str]:
    return {
        "ai_generated": "AI-generated talking head, made with audioplane",
        "consent": consent,
        "identity": run.identity,
        "head_sha256": run.sha256,
    }


def _write(path: Path, gaussians: Gaussians, facts: dict[str, str]) -> None:
    if path.suffix == ".ply":
        write_ply(path, gaussians, [f"{name}: {value}" for name, value in facts.items()])
    else:
        write_gltf(path, gaussians, facts)


@torch.no_grad()
def _at_rest(talker: Talker) -> Gaussians:
    """Silent, with the expression that the person mostly had."""
    head = talker.run.head
    code = talker.codes(Speech(np.zeros(SAMPLE_RATE, np.float32)))[FPS // 2]
    shown = head.expression(head.expression.range.rest)
    return head.deform(Motion(code, shown))[0]


@torch.no_grad()
def _speaking(talker: Talker, code: Float[Tensor, " k"], moment: Moment) -> Gaussians:
    """As at a moment; a body stands where it stood."""
    animator = talker.animator
    view = animator.view(moment)
    gaussians = animator.deformed(code, moment)[0]
    return follow_body(gaussians, talker.run.head.body_weights(), view.viewmat, view.body)
