"""A video to a subject folder, stage by stage; an interrupted run continues where it stopped."""

import errno
import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audioplane.assets import sha256_of
from audioplane.errors import MediaError, PrepareError
from audioplane.prepare import stages
from audioplane.prepare.masks.segmenter import PartSegmenter
from audioplane.prepare.pose.fit import Intrinsics
from audioplane.prepare.progress import STAGES, Report, StageProgress
from audioplane.prepare.record import LANDMARK_DEPTH, Record, open_record
from audioplane.prepare.stages import Job
from audioplane.subject.info import SubjectInfo
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.track import Track
from audioplane.subject.transforms import FrameRef, Split, write_split

_TRAIN_SHARE = 10 / 11
_LATEST = 10.0
"""Seconds by which sound may be late or early."""
_TOOLS = ("audioplane", "mediapipe", "opencv-contrib-python", "av", "numpy")


@dataclass(frozen=True)
class PrepareOptions:
    """How a video is made into a subject."""

    size: int = 512
    """Height and width of the frames, pixels."""
    speech: tuple[str, ...] = ()
    """Kinds of speech features to compute; empty for the default kind."""
    speech_model: Path | None = None
    """File or folder of the network that such a kind needs; None to look it up."""
    face_landmarker: Path | None = None
    """MediaPipe's `face_landmarker.task`; None to look it up or download it."""
    segmenter: Path | PartSegmenter | None = None
    """MediaPipe's `selfie_multiclass_256x256.tflite`; None to look it up, and to cut the person out
    by `PERSON_NETWORK` or learnt outlines where it is not there."""
    consent: str = ""
    """Who consented to the making of this head; goes into `subject.json`."""
    focal: float | None = None
    """Focal length, pixels of the subject's frames; None to search for it."""
    sound_late: float | None = None
    """Seconds by which the sound comes after the picture (below zero: before it); None to believe
    what preflight finds where that is more than `NOTICEABLE`."""
    force: bool = False
    """Begin anew in a folder that holds another preparation, and go on with a clip that
    preflight calls hopeless."""


def prepare_subject(video: Path, out: Path, options: PrepareOptions, report: Report) -> SubjectInfo:
    """Make a video into a subject folder.

    Stages that are already done in `out` are skipped, so an interrupted preparation continues.

    Args:
        video: any video with one person's face and speech.
        out: the subject folder; made if it is not there.
        options: see `PrepareOptions`.
        report: receives the progress of every stage.

    Returns:
        What `subject.json` says.

    Raises:
        SpeechError: a kind of speech features cannot be computed here.
        PrepareError: preflight refuses the clip, too few frames are usable, or the folder is of
            another video or not writable.
        MediaError: the video cannot be read, or the disk is full.
    """
    video, out = Path(video), Path(out)
    if not video.is_file():
        raise PrepareError(f"{video} is not a file: check the name")
    kinds = options.speech or _default_speech()
    _require_speech(kinds, options.speech_model)
    record = open_record(out, sha256_of(video), _shaping(options, kinds), options.force)
    paths = SubjectPaths(out)
    try:
        paths.make_folders()
        for name in STAGES:
            if name in record.done:
                continue
            job = Job(
                video=video,
                paths=paths,
                record=record,
                size=options.size,
                speech=kinds,
                speech_model=options.speech_model,
                face_landmarker=options.face_landmarker,
                segmenter=options.segmenter,
                focal=options.focal,
                sound_late=options.sound_late,
                force=options.force,
                tell=_teller(name, report),
            )
            start = time.monotonic()
            _run(name)(job) if name != "splits" else _splits(job, options)
            record.done[name] = round(time.monotonic() - start, 2)
            record.save()
        return SubjectInfo.load(paths.info)
    except (OSError, MediaError) as e:
        for partial in out.rglob("*.partial"):
            partial.unlink(missing_ok=True)
        if _is_disk_full(e):
            raise MediaError(
                f"there is no room left for {out}: free some space and repeat the command, "
                "it continues where it stopped"
            ) from e
        if isinstance(e, MediaError):
            raise
        raise MediaError(f"{e.filename or out} cannot be written: {e.strerror or e}") from e


def _shaping(options: PrepareOptions, kinds: tuple[str, ...]) -> dict[str, Any]:
    """The options that shape the files. Raises `PrepareError` for numbers that cannot be."""
    shaping: dict[str, Any] = {"size": options.size, "speech": list(kinds)}
    if options.focal is not None:
        if not options.focal > 0:
            raise PrepareError(f"a focal length of {options.focal} px: give one above 0")
        shaping["focal"] = options.focal
    if options.sound_late is not None:
        if not abs(options.sound_late) <= _LATEST:
            raise PrepareError(f"sound late by {options.sound_late:g} s: give up to {_LATEST:g} s")
        shaping["sound_late"] = options.sound_late
    return shaping


def _is_disk_full(error: OSError | MediaError) -> bool:
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)


def _default_speech() -> tuple[str, ...]:
    from audioplane.speech import DEFAULT_KIND

    return (DEFAULT_KIND,)


def _require_speech(kinds: tuple[str, ...], model: Path | None) -> None:
    """Miss a network now rather than after an hour of frames."""
    from audioplane.speech import require_kind

    for kind in kinds:
        require_kind(kind, model)


def _run(stage: str) -> Callable[[Job], None]:
    return {
        "preflight": stages.preflight_stage,
        "crop": stages.crop_stage,
        "frames": stages.frames_stage,
        "landmarks": stages.landmarks_stage,
        "pose": stages.pose_stage,
        "parsing": stages.parsing_stage,
        "plates": stages.plates_stage,
    }[stage]


def _teller(stage: str, report: Report) -> Callable[[int, int, str], None]:
    return lambda done, total, message: report(StageProgress(stage, done, total, message))


def _splits(job: Job, options: PrepareOptions) -> None:
    """Write `subject.json`, then the cameras of both splits, without which nothing loads."""
    record, paths = job.record, job.paths
    track = Track.load(paths.track)
    usable = record.usable()
    cut = round(len(usable) * _TRAIN_SHARE)
    camera = Intrinsics(record.focal, job.size / 2)
    SubjectInfo(
        size=job.size,
        n_frames=record.n_frames,
        feature_kinds=job.speech,
        source=job.video.name,
        source_sha256=record.source_sha256,
        consent=options.consent,
        tools=_tools(record),
        flags=record.flags,
        cuts=tuple(record.cuts),
    ).save(paths.info)
    for name, ids in (("train", usable[:cut]), ("val", usable[cut:])):
        frames = tuple(FrameRef(i, i, np.asarray(track.viewmats[i])) for i in ids)
        write_split(
            paths.transforms(name), Split(camera.focal, camera.centre, camera.centre, frames)
        )
    (paths.root / LANDMARK_DEPTH).unlink(missing_ok=True)
    job.tell(len(usable), len(usable), f"{len(usable)} of {record.n_frames} frames usable")


def _tools(record: Record) -> dict[str, str]:
    tools = dict(record.notes)
    for name in _TOOLS:
        try:
            tools[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return tools
