"""The demo: a synthetic subject is made, trained, driven by unseen sentences and scored."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from audioplane.assets import write_text
from audioplane.drive.talker import Talker
from audioplane.errors import TrainingError
from audioplane.evaluate import ScoreReport, evaluate
from audioplane.evaluate.mouth.reader import MouthReader
from audioplane.evaluate.scores.lips import LipScores, aperture_scores
from audioplane.experiments.training import finish_training
from audioplane.media.writer import VideoWriter
from audioplane.prepare import complete_subject
from audioplane.progress import Counter, Report, ignore
from audioplane.run import RunPaths, open_run
from audioplane.speech import Speech
from audioplane.subject import FrameRef, Subject, load_subject
from audioplane.synthetic import make_synthetic, make_synthetic_sentence
from audioplane.train import PRESETS
from audioplane.train.config import with_fine_iterations
from audioplane.train.run import train_head

SPOKEN_SECONDS = 10.0
"""Length of the sentences that the head was not trained on."""
_SPEECH_SEED = 101


@dataclass(frozen=True)
class DemoResult:
    """The scores and times of a demo."""

    scores: ScoreReport
    """Of the held-out frames, poses as tracked."""
    lips: LipScores
    """Of the unseen sentences, against the synthetic speaker's own mouth."""
    seconds: dict[str, float]
    """Time that each step took."""

    def rows(self) -> list[tuple[str, str]]:
        """What was measured, and the figures."""
        whole = self.scores.means["whole"]
        rows = [
            ("held-out frames, PSNR", _number(whole.psnr, ".2f", " dB")),
            ("held-out frames, SSIM", _number(whole.ssim, ".4f")),
            ("unseen sentences, mouth aperture against the truth (MAC)", _number(self.lips.mac)),
            (
                "correlation of the mouth reader on held-out images",
                _number(self.lips.source_accuracy),
            ),
        ]
        return rows + [(f"time to {name}", f"{s:.0f} s") for name, s in self.seconds.items()]


def demo(
    out: Path | str,
    seconds: float = 20.0,
    size: int = 192,
    iterations: int | None = None,
    report: Report | None = None,
    long_hair: bool = False,
    moving_body: bool = False,
) -> DemoResult:
    """Make, train, drive and score a synthetic subject.

    Writes subject, run, `demo.mp4`, `report.html`, `contact_sheet.png` and `table.txt` into `out`;
    the run of an earlier demo there is replaced.

    Args:
        out: Folder for everything.
        seconds: Length of the subject's video.
        size: Height and width of its frames, pixels.
        iterations: Fine iterations; None takes those of preset demo.
        report: Receives the progress.
        long_hair: The subject's hair falls to the shoulders (see `make_synthetic`).
        moving_body: The subject's shoulders move, too.

    Raises `TrainingError` if `out` holds a run that is not a demo's, `SubjectError` if it holds a
    subject that is not synthetic or an argument is out of range, `MediaError` if it cannot be
    written.
    """
    out, report = Path(out), report or ignore
    root, run = out / "subject", out / "run"
    config = PRESETS["demo"]
    if iterations is not None:
        config = with_fine_iterations(config, iterations)
    _check_own(run, root)
    times: dict[str, float] = {}
    started = time.perf_counter()

    def lap(name: str) -> None:
        times[name] = time.perf_counter() - started - sum(times.values())

    make_synthetic(
        root,
        seconds,
        size,
        kinds=(config.speech,),
        report=report,
        long_hair=long_hair,
        moving_body=moving_body,
    )
    lap("make the subject")
    if run.exists():
        shutil.rmtree(run)
    model = config.model
    subject = complete_subject(
        load_subject(root), config.speech, model.torso, model.expression, report
    )
    finish_training(train_head(subject, config, run), "the head", report)
    lap("train")
    lips = _speak_unseen(run, subject, out / "demo.mp4", report)
    lap("drive and score unseen sentences")
    evaluation = evaluate(run, out=out / "evaluation", poses="tracked", device="cpu", report=report)
    shutil.copy(out / "evaluation" / "tracked" / "contact_sheet.png", out / "contact_sheet.png")
    shutil.copy(out / "evaluation" / "report.html", out / "report.html")
    lap("evaluate held-out frames")
    result = DemoResult(evaluation.reports["tracked"], lips, times)
    width = max(len(name) for name, _ in result.rows())
    lines = (f"{name:{width}}  {value}\n" for name, value in result.rows())
    write_text(out / "table.txt", "".join(lines))
    return result


def _check_own(run: Path, subject: Path) -> None:
    """Raise `TrainingError` where a run is there that is not of an earlier demo."""
    if not run.exists():
        return
    try:
        facts = json.loads(RunPaths(run).config.read_text())
        ours = (run / facts["subject"]).resolve() == subject.resolve()
    except (OSError, ValueError, KeyError):
        ours = False
    if not ours:
        raise TrainingError(f"{run} is not the run of a demo: pass another out=")


def _speak_unseen(run: Path, subject: Subject, path: Path, report: Report) -> LipScores:
    """Drive with sentences that no training frame holds, and read the mouth off the frames."""
    sentence = make_synthetic_sentence(SPOKEN_SECONDS, _SPEECH_SEED)
    talker = Talker(open_run(run))
    digest = hashlib.sha256(sentence.waveform.tobytes()).hexdigest()
    stated, animator = talker.provenance(digest, path), talker.animator
    # The sentence has the subject's own voice: there is nothing to adapt to.
    speech = Speech(sentence.waveform)
    codes = animator.codes(talker.features(speech))
    step = Counter(report, "drive", len(codes))
    refs, frames = [], []
    sound, marker = sentence.waveform, stated.marker(*talker.size)
    with VideoWriter(path, *talker.size, audio=sound, seal=stated.seal) as video:
        for ref, frame in animator.speak(codes, marker, speech.spoken_frames().tolist()):
            video.write(frame.image)
            refs.append(ref)
            frames.append(frame.image)
            step()
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
        true_aperture: The speaker's mouth opening, in any linear scale.
        reader: Fitted on the subject that was driven.

    Returns:
        Scores without LMD: the true landmarks of another pose are not known.
    """
    track = reader.read(frames, refs)
    scores = aperture_scores(track.aperture, np.asarray(true_aperture), MouthReader.name)
    accuracy = reader.accuracy.aperture if reader.accuracy else None
    empty = {**scores.empty, "lmd": "the true landmarks are not known in this pose"}
    return replace(scores, source_accuracy=accuracy, empty=empty)


def _number(value: float | None, form: str = ".3f", unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"
