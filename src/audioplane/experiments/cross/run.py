"""`audioplane cross`: every head speaks every speech."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.assets import find_model
from audioplane.cli.console import console, progress_bar
from audioplane.drive import DrivenFrame
from audioplane.drive.talker import SOUND_RATE, Talker
from audioplane.errors import CheckpointError, MediaError, SubjectError
from audioplane.evaluate.mouth.view import MouthViews, open_mouth_views
from audioplane.evaluate.report import write_text
from audioplane.evaluate.scores.sound import sound_of
from audioplane.evaluate.syncnet import SyncJudge, SyncNet, held_out_sync
from audioplane.experiments.cross.report import (
    OWN,
    RECORDING,
    CrossRow,
    Usual,
    cross_page,
    cross_row,
    to_json_dict,
)
from audioplane.experiments.spoken import usual_mouth, usual_move, watch
from audioplane.face.landmarker import FACE_LANDMARKER
from audioplane.media.audio import read_audio
from audioplane.media.image import read_image
from audioplane.media.video import VideoWriter, read_frames
from audioplane.run import open_run
from audioplane.speech import Speech
from audioplane.subject import FrameRef
from audioplane.subject.layout import FPS


@dataclass(frozen=True)
class _Speaker:
    """A head, its person and who looks at its mouth."""

    name: str
    talker: Talker
    codes: Float[Tensor, "t k"]
    """Of the person's own speech."""
    usual: Usual
    views: MouthViews
    judge: SyncJudge


def run_cross(
    runs: tuple[Path, ...],
    speeches: tuple[Path, ...],
    out: Path,
    subjects: tuple[Path, ...] = (),
    landmarker: Path | None = None,
    device: torch.device | str = "cpu",
    syncnet: SyncNet | None = None,
) -> list[CrossRow]:
    """Drive every head with every speech; writes cross.json, cross.html and the films into `out`.

    Raises `CheckpointError` for no run, `SubjectError` if `subjects` are not one a run.
    """
    if not runs:
        raise CheckpointError("name at least one run")
    if subjects and len(subjects) != len(runs):
        raise SubjectError(f"{len(subjects)} subjects for {len(runs)} runs: name one for each")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise MediaError(f"{out} cannot be made: {e.strerror}") from e
    judge = SyncJudge(syncnet, find_model(FACE_LANDMARKER, landmarker))
    rows: list[CrossRow] = []
    for run, subject in zip(runs, subjects or [None] * len(runs), strict=True):
        talker = Talker(open_run(run, subject), device)
        animator, person = talker.animator, talker.run.subject
        name = _name(person.paths.root.name, {row.head for row in rows})
        with open_mouth_views(person, landmarker) as views:
            codes = animator.codes(person.features(talker.run.speech))
            learned = codes[[_row(ref, codes) for ref in animator.refs]]
            usual = Usual(usual_mouth(person), usual_move(animator, learned))
            speaker = _Speaker(name, talker, codes, usual, views, judge)
            rows += _own_speech(speaker)
            rows += [_drive(speaker, speech, out) for speech in speeches]
    write_text(out / "cross.json", json.dumps(to_json_dict(rows), indent=1))
    write_text(out / "cross.html", cross_page(rows))
    return rows


def _name(subject: str, taken: set[str]) -> str:
    """What a head is called: after its subject, with a number where several share it."""
    names = itertools.chain([subject], (f"{subject}-{i}" for i in itertools.count(2)))
    return next(name for name in names if name not in taken)


def _row(ref: FrameRef, codes: Float[Tensor, "t k"]) -> int:
    """Of the speech that belongs to a frame: some subjects lack the last."""
    return min(ref.aud_id, len(codes) - 1)


def _drive(speaker: _Speaker, speech: Path, out: Path) -> CrossRow:
    talker, waveform = speaker.talker, read_audio(speech)
    animator, described = talker.animator, Speech(waveform)
    for warning in talker.warnings(described, speech.name):
        console.print(warning, style="yellow")
    unlike = talker.strangeness(described)
    codes = talker.codes(described)
    name = f"{speaker.name}-{speech.name}.mp4"
    sound = read_audio(speech, SOUND_RATE)
    stated = talker.provenance(speech)
    writer = VideoWriter(
        out / name, *animator.size, audio=sound, audio_rate=SOUND_RATE, seal=stated.seal
    )
    with writer as film, progress_bar() as bar:
        task = bar.add_task(f"{speaker.name}: {speech.name}", total=len(codes), note="")

        def frames() -> Iterator[tuple[FrameRef, DrivenFrame]]:
            for drawn in animator.speak(codes, stated.marker(*animator.size)):
                bar.advance(task)
                yield drawn

        spoken = watch(animator, codes, frames(), speaker.views.rendered, film)
    with _telling(speaker, speech.name, len(codes)) as tell:
        sync = speaker.judge.score(lambda: read_frames(out / name, FPS), waveform, tell)
    return cross_row(speaker.name, speech.name, spoken, waveform, speaker.usual, unlike, sync, name)


@contextmanager
def _telling(speaker: _Speaker, speech: str, n_frames: int) -> Iterator[Callable[[int], None]]:
    """A bar for SyncNet, where it can judge."""
    if speaker.judge.missing:
        yield lambda n: None
        return
    with progress_bar() as bar:
        total = 2 * n_frames
        task = bar.add_task(f"SyncNet on {speaker.name}: {speech}", total=total, note="")
        yield lambda n: bar.advance(task, n)
        bar.update(task, completed=total)


def _own_speech(speaker: _Speaker) -> list[CrossRow]:
    """The held-out frames: what the recording reaches, and the head."""
    animator, person = speaker.talker.animator, speaker.talker.run.subject
    sound = sound_of(person, person.val) if person.val else None
    if sound is None:
        raise SubjectError(f"{person.paths.root} has no held-out speech with sound to compare with")
    codes = speaker.codes[[_row(ref, speaker.codes) for ref in person.val]]

    def recorded() -> Iterator[tuple[FrameRef, DrivenFrame]]:
        still = np.zeros(person.background.shape[:2], np.float32)
        for ref in person.val:
            yield ref, DrivenFrame(read_image(person.paths.image(ref.img_id)), still)

    def driven() -> Iterator[tuple[FrameRef, DrivenFrame]]:
        for code, ref in zip(codes, person.val, strict=True):
            yield ref, animator.draw(code, ref, person.plate(ref))

    unlike = speaker.talker.strangeness(Speech(sound))
    rows = []
    for name, frames in ((RECORDING, recorded), (OWN, driven)):
        spoken = watch(animator, codes, frames(), speaker.views.rendered)
        with _telling(speaker, name, len(codes)) as tell:
            sync = held_out_sync(
                lambda shown=frames: (drawn.image for _, drawn in shown()),
                person,
                person.val,
                speaker.judge,
                tell,
            )
        rows.append(cross_row(speaker.name, name, spoken, sound, speaker.usual, unlike, sync))
    return rows
