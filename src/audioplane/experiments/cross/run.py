"""Cross-driven heads: every head speaks every speech."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from threading import Event

import numpy as np
import torch
from jaxtyping import Float32

from audioplane.assets import write_text
from audioplane.clock import FPS
from audioplane.credentials import ProvenanceOptions
from audioplane.drive import DrivenFrame
from audioplane.drive.output import SOUND_RATE
from audioplane.drive.talker import MARKED_AND_SIGNED, Talker
from audioplane.errors import ComparisonError, MediaError, SubjectError
from audioplane.evaluate import Tools
from audioplane.evaluate.heldout import Draw, HeldOut, rows_of
from audioplane.evaluate.mouth.habits import mouth_habits
from audioplane.evaluate.mouth.view import MouthViews, open_mouth_views
from audioplane.evaluate.scores.sound import sound_of
from audioplane.evaluate.scores.visemes import HeardPhones
from audioplane.evaluate.syncnet import SyncJudge, held_out_sync
from audioplane.executors import Executor, SerialExecutor, complete
from audioplane.experiments.cross.names import file_labels, unique, video_name
from audioplane.experiments.cross.page import cross_page
from audioplane.experiments.cross.report import (
    OWN,
    RECORDING,
    CrossRow,
    Reference,
    cross_row,
    to_json,
)
from audioplane.experiments.motion import DrivenMotion, measure_motion, training_move
from audioplane.media.audio import read_audio
from audioplane.media.image import read_image
from audioplane.media.tracks import choose_track
from audioplane.media.video import read_frames
from audioplane.media.writer import VideoWriter
from audioplane.progress import Counter, Progress, Report, ignore
from audioplane.run import open_run
from audioplane.speech import Speech
from audioplane.splat.device import choose_device
from audioplane.subject import FrameRef, Subject

JSON_NAME, PAGE_NAME = "cross.json", "cross.html"


@dataclass(frozen=True)
class _Head:
    """A head and what its scores need."""

    name: str
    talker: Talker
    own: HeldOut
    reference: Reference
    views: MouthViews
    judge: SyncJudge
    report: Report

    @property
    def subject(self) -> Subject:
        return self.own.subject


def cross(  # noqa: PLR0913 - one keyword a question that a caller may have
    runs: Sequence[Path | str],
    speeches: Sequence[Path | str],
    out: Path | str,
    subjects: Sequence[Path | str] = (),
    find_tools: Callable[[], Tools] = Tools,
    device: torch.device | str = "auto",
    provenance: ProvenanceOptions = MARKED_AND_SIGNED,
    report: Report | None = None,
    executor: Executor | None = None,
) -> list[CrossRow]:
    """Drive every head with every speech.

    Writes `cross.json`, `cross.html` and a video of each pair, marked and signed, into `out`, the
    reports after every head.

    Args:
        runs: The heads.
        speeches: Sound files: other voices, other languages.
        out: Folder for what is written.
        subjects: The runs' subjects in order, if their folders have moved.
        find_tools: Gives the networks behind the scores, asked once all files are there; by
            default scores that need weights stay empty.
        device: "auto", "cpu" or "cuda".
        provenance: What the videos state of their making; its consent holds for heads that state
            none themselves.
        report: Receives the progress, and warnings about speeches, from executors that pass them
            on.
        executor: Where heads speak, several at once; here, one after the other, if None. On other
            machines the folders have to be where they are here.

    Returns:
        For each head: its recording, its own held-out speech, then the speeches.

    Raises:
        ComparisonError: There is no run, or `subjects` are not one for each.
        WorkError: A head failed in another process or on another machine.
        CheckpointError, SubjectError, MediaError: A file is not there, damaged, or not writable.
        ModelError: The landmarker that is named is not there.
        SpeechError: Features of sounds cannot be computed for a head.
        CredentialsError: Nobody consented to the making of a head.
    """
    if not runs:
        raise ComparisonError("nothing to compare: name at least one run")
    if subjects and len(subjects) != len(runs):
        raise ComparisonError(f"{len(subjects)} subjects for {len(runs)} runs: name one for each")
    chosen = choose_device(device).device if isinstance(device, str) else device
    out, report = Path(out), report or ignore
    for speech in speeches:  # a bad one ends it before any work
        choose_track(Path(speech))
    paired = zip(runs, subjects or [None] * len(runs), strict=True)
    folders = [open_run(run, subject).subject.paths.root for run, subject in paired]
    tools = find_tools()
    tools.landmarker_file()  # a named one is there, or it ends here
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise MediaError(f"{out} cannot be made: {e.strerror}") from e
    tasks = _tasks(runs, folders, speeches, _Shared(out.resolve(), tools, chosen, provenance))
    results = complete(executor or SerialExecutor(), _head_rows, tasks, attrgetter("name"), report)
    found, rows = dict[str, list[CrossRow]](), list[CrossRow]()
    for task, of_head in results:
        found[task.name] = of_head
        rows = [row for task in tasks for row in found.get(task.name, [])]
        write_text(out / JSON_NAME, to_json(rows))
        write_text(out / PAGE_NAME, cross_page(rows))
    return rows


@dataclass(frozen=True)
class _Shared:
    """What all heads need."""

    out: Path
    tools: Tools
    device: torch.device
    provenance: ProvenanceOptions


@dataclass(frozen=True)
class _Task:
    """A head that is to speak."""

    name: str
    run: Path
    subject: Path
    speeches: Sequence[tuple[str, Path, str]]
    """Label, sound file, name of the video."""
    shared: _Shared


def _tasks(
    runs: Sequence[Path | str],
    subjects: Sequence[Path],
    speeches: Sequence[Path | str],
    shared: _Shared,
) -> list[_Task]:
    paths, tasks, videos = (
        [Path(speech).resolve() for speech in speeches],
        list[_Task](),
        list[str](),
    )
    labels = file_labels(paths)
    for path, subject in zip(runs, subjects, strict=True):
        name = unique(subject.name, {task.name for task in tasks})
        own = []
        for label, speech in zip(labels, paths, strict=True):
            videos.append(video_name(name, label, videos))
            own.append((label, speech, videos[-1]))
        tasks.append(_Task(name, Path(path).resolve(), subject.resolve(), own, shared))
    return tasks


def _head_rows(task: _Task, report: Report, stop: Event) -> list[CrossRow]:
    """One head's recording, its own speech, and the speeches."""
    shared, run = task.shared, open_run(task.run, task.subject)
    options = replace(shared.provenance, consent="") if run.consent else shared.provenance
    talker = Talker(run, shared.device, provenance=options)
    run = talker.run
    with open_mouth_views(run.subject, shared.tools.landmarker) as views:
        codes = talker.animator.codes(run.subject.features(run.speech))
        own = HeldOut.of(talker.animator, run.subject, codes)
        learned = codes[rows_of(run.footage.refs, len(codes))]
        reference = Reference(mouth_habits(run.subject), training_move(talker.animator, learned))
        head = _Head(task.name, talker, own, reference, views, shared.tools.judge(), report)
        rows = _own_speech(head)
        for label, speech, video in task.speeches:
            if stop.is_set():
                raise ComparisonError("stopped")
            rows.append(_drive(head, label, speech, shared.out / video))
    return rows


def _drive(head: _Head, label: str, speech: Path, path: Path) -> CrossRow:
    """One head speaks one speech into a video."""
    talker, waveform = head.talker, read_audio(speech)
    described = Speech(waveform)
    task, codes = f"{head.name}: {label}", talker.codes(described)
    stated = talker.provenance(speech, path)
    for message in (*talker.warnings(described, label), *stated.notes):
        head.report(Progress(task, total=len(codes), message=message))
    step = Counter(head.report, task, len(codes))

    def frames() -> Iterator[tuple[FrameRef, DrivenFrame]]:
        for drawn in talker.animator.speak(
            codes, stated.marker(*talker.size), described.spoken_frames().tolist()
        ):
            step()
            yield drawn

    writer = VideoWriter(
        path,
        *talker.size,
        audio=read_audio(speech, SOUND_RATE),
        audio_rate=SOUND_RATE,
        seal=stated.seal,
    )
    with writer:
        motion = measure_motion(talker.animator, codes, frames(), head.views.rendered, writer)
    step = Counter(head.report, f"SyncNet on {task}", 2 * len(codes))
    sync = head.judge.score(lambda: read_frames(path, FPS), waveform, step)
    row = cross_row(
        head.name,
        label,
        motion,
        waveform,
        head.reference,
        talker.strangeness(described),
        sync,
        path.name,
    )
    return _with_phones(row, head, motion, HeardPhones.of(described))


def _with_phones(row: CrossRow, head: _Head, motion: DrivenMotion, heard: HeardPhones) -> CrossRow:
    """The row with the lips' scores against the phones."""
    return replace(row, visemes=heard.score(motion.lips, head.reference.mouth.shut))


def _own_speech(head: _Head) -> list[CrossRow]:
    """The scores of the held-out frames, recording and head."""
    person, refs = head.subject, head.subject.val
    sound = sound_of(person, refs) if refs else None
    if sound is None:
        raise SubjectError(f"{person.paths.root} has no held-out speech with sound to compare with")

    def recorded(ref: FrameRef) -> DrivenFrame:
        still = np.zeros(person.background.shape[:2], np.float32)
        return DrivenFrame(read_image(person.paths.image(ref.img_id)), still)

    heard = HeardPhones.of(Speech(sound))
    return [
        _own_row(head, name, draw, sound, heard)
        for name, draw in ((RECORDING, recorded), (OWN, head.own.draw))
    ]


def _own_row(
    head: _Head, name: str, draw: Draw, sound: Float32[np.ndarray, " n"], heard: HeardPhones
) -> CrossRow:
    """The held-out frames as a function renders them."""
    refs, codes = head.subject.val, torch.stack(list(head.own.codes.values()))
    frames = ((ref, draw(ref)) for ref in refs)
    motion = measure_motion(head.own.animator, codes, frames, head.views.rendered)
    step = Counter(head.report, f"SyncNet on {head.name}: {name}", 2 * len(refs))
    sync = held_out_sync(
        lambda: (draw(ref).image for ref in refs), head.subject, refs, head.judge, step
    )
    unlike = head.talker.strangeness(Speech(sound))
    row = cross_row(head.name, name, motion, sound, head.reference, unlike, sync)
    return _with_phones(row, head, motion, heard)
