"""`audioplane demo`: everything once, on a drawn head that speaks with a formant synthesizer."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from rich.table import Table

from audioplane.cli.console import console, output, progress_bar
from audioplane.cli.training import show_training
from audioplane.drive.talker import Talker
from audioplane.errors import TrainingError
from audioplane.evaluate import ScoreReport, evaluate
from audioplane.evaluate.mouth.reader import MouthReader
from audioplane.evaluate.scores.lips import LipScores, aperture_scores
from audioplane.media.video import VideoWriter
from audioplane.run import RunPaths, open_run
from audioplane.speech import compute_features
from audioplane.subject import FrameRef, Subject, load_subject
from audioplane.synthetic import make_synthetic, make_synthetic_sentence
from audioplane.train import PRESETS
from audioplane.train.config import with_fine_iterations
from audioplane.train.run import train_head

SPOKEN_SECONDS = 10.0
"""Length of the sentences that the head never heard."""
_SPEECH_SEED = 101


def run_demo(out: Path, seconds: float, size: int, iterations: int | None) -> None:
    """Make, train, drive and score the drawn head; see `audioplane demo --help`."""
    times: dict[str, float] = {}

    def lap(name: str) -> None:
        times[name] = time.perf_counter() - started - sum(times.values())

    started = time.perf_counter()
    root, run = out / "subject", out / "run"
    config = PRESETS["demo"]
    if iterations is not None:
        config = with_fine_iterations(config, iterations)
    _clear(run, root)
    with progress_bar() as bar:
        task = bar.add_task("draw and voice the subject", total=None, note="")
        make_synthetic(
            root,
            seconds,
            size,
            kinds=(config.speech,),
            report=lambda done, total: bar.update(task, completed=done, total=total),
        )
    lap("make the subject")
    subject = load_subject(root)
    show_training(train_head(subject, config, run))
    lap("train")
    lips = _speak_unheard(run, subject, out / "demo.mp4", config.speech)
    lap("drive and score unheard sentences")
    report = evaluate(run, out=out / "evaluation", poses="tracked", device="cpu").reports["tracked"]
    shutil.copy(out / "evaluation" / "tracked" / "contact_sheet.png", out / "contact_sheet.png")
    shutil.copy(out / "evaluation" / "report.html", out / "report.html")
    lap("evaluate held-out frames")
    _show(report, lips, times, out)


def _clear(run: Path, subject: Path) -> None:
    """Remove the run of an earlier demo, and nothing else."""
    if not run.exists():
        return
    try:
        facts = json.loads(RunPaths(run).config.read_text())
        ours = (run / facts["subject"]).resolve() == subject.resolve()
    except (OSError, ValueError, KeyError):
        ours = False
    if not ours:
        raise TrainingError(f"{run} is not the run of a demo: choose another --out")
    shutil.rmtree(run)


def _speak_unheard(run: Path, subject: Subject, path: Path, speech: str) -> LipScores:
    """Drive with sentences that no training frame holds, and read the mouth off the frames."""
    sentence = make_synthetic_sentence(SPOKEN_SECONDS, _SPEECH_SEED)
    talker = Talker(open_run(run))
    digest = hashlib.sha256(sentence.waveform.tobytes()).hexdigest()
    stated = talker.provenance(digest)
    animator = talker.animator
    codes = animator.codes(compute_features(sentence.waveform, speech))
    width, height = animator.size
    refs, frames = [], []
    sound, marker = sentence.waveform, stated.marker(width, height)
    with VideoWriter(path, width, height, audio=sound, seal=stated.seal) as video:
        for ref, frame in animator.speak(codes, marker):
            video.write(frame.image)
            refs.append(replace(ref, viewmat=animator.view(ref).viewmat.double().numpy()))
            frames.append(frame.image)
    return driven_lips(frames, refs, np.asarray(sentence.aperture), MouthReader.fit(subject))


def driven_lips(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]],
    refs: Sequence[FrameRef],
    true_aperture: Float[np.ndarray, " t"],
    reader: MouthReader,
) -> LipScores:
    """MAC of a drive by speech whose true mouth aperture is known.

    Args:
        frames: The T driven frames.
        refs: The frame whose pose each of them has.
        true_aperture: What the speaker's mouth did, in any linear scale.
        reader: Fitted on the subject that was driven.

    Returns:
        Scores without LMD: the true landmarks of another pose are not known.
    """
    track = reader.read(frames, refs)
    scores = aperture_scores(track.aperture, np.asarray(true_aperture), MouthReader.name)
    accuracy = reader.accuracy.aperture if reader.accuracy else None
    empty = {**scores.empty, "lmd": "the true landmarks are not known in this pose"}
    return replace(scores, source_accuracy=accuracy, empty=empty)


def _show(report: ScoreReport, lips: LipScores, times: dict[str, float], out: Path) -> None:
    whole = report.means["whole"]
    rows = [
        ("held-out frames, PSNR", f"{whole.psnr:.2f} dB" if whole.psnr else ""),
        ("held-out frames, SSIM", f"{whole.ssim:.4f}" if whole.ssim else ""),
        ("unheard sentences, mouth aperture against the truth (MAC)", _number(lips.mac)),
        ("how well the mouth can be read off real pictures", _number(lips.source_accuracy)),
    ]
    rows += [(f"time to {name}", f"{seconds:.0f} s") for name, seconds in times.items()]
    table = Table("what", "value")
    for row in rows:
        table.add_row(*row)
    output.print(table)
    width = max(len(name) for name, _ in rows)
    (out / "table.txt").write_text("".join(f"{name:{width}}  {value}\n" for name, value in rows))
    console.print(f"{out}: demo.mp4, report.html, contact_sheet.png, table.txt")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
