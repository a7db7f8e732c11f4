"""The preparation, stage by stage; an interrupted one continues where it stopped."""

import errno
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from audioplane.assets import sha256_of
from audioplane.errors import MediaError, PrepareError
from audioplane.media.tracks import choose_track
from audioplane.media.video import probe_video
from audioplane.prepare import stages
from audioplane.prepare.job import Job
from audioplane.prepare.masks.person import open_masker
from audioplane.prepare.masks.stage import parsing_stage
from audioplane.prepare.options import PrepareOptions
from audioplane.prepare.record import alone_in, open_record
from audioplane.progress import Report, ignore
from audioplane.subject.info import SubjectInfo
from audioplane.subject.layout import SubjectPaths

STAGES: dict[str, Callable[[Job], None]] = {
    "preflight": stages.preflight_stage,
    "crop": stages.crop_stage,
    "frames": stages.frames_stage,
    "landmarks": stages.landmarks_stage,
    "pose": stages.pose_stage,
    "parsing": parsing_stage,
    "plates": stages.plates_stage,
    "splits": stages.splits_stage,
    "expression": stages.expression_stage,
    "body": stages.body_stage,
}
"""The stages of a preparation by name, in order."""
_LAST = list(STAGES)[-1]


def prepare_subject(
    video: Path, out: Path, options: PrepareOptions | None = None, report: Report = ignore
) -> SubjectInfo:
    """Make a video into a subject folder.

    Stages that are already done in `out` are skipped, so an interrupted preparation continues.

    Args:
        video: any video with one person's face and speech.
        out: the subject folder; made if it is not there.
        options: see `PrepareOptions`.
        report: receives the progress of every stage, under the stage's name.

    Returns:
        The contents of `subject.json`.

    Raises:
        SpeechError: a kind of speech features cannot be computed here.
        PrepareError: an option is out of bounds, preflight refuses the video, too few frames
            are usable, or the folder is of another video or not writable.
        ModelError: the files of a network are neither here nor can they be downloaded.
        MediaError: the video cannot be read, or the disk is full.
    """
    video, out = Path(video), Path(out)
    options = (options or PrepareOptions()).resolved()
    if not video.is_file():
        raise PrepareError(f"{video} is not a file: check the name")
    # A video that cannot be read leaves no folder behind.
    if probe_video(video).has_audio or options.audio_track is not None:
        choose_track(video, options.audio_track)
    with alone_in(out):
        return _prepared(video, out, options, report)


def _prepared(video: Path, out: Path, options: PrepareOptions, report: Report) -> SubjectInfo:
    record = open_record(out, sha256_of(video), options.shaping(), options.force, _LAST)
    paths = SubjectPaths(out)
    try:
        paths.make_folders()
        if "parsing" not in record.done:
            with open_masker(options.segmenter):
                pass  # what it needs is here, before the long work
        for name, stage in STAGES.items():
            if name not in record.done:
                start = time.monotonic()
                stage(Job(video, paths, record, options, name, report))
                record.done[name] = round(time.monotonic() - start, 2)
                record.save()
        return _with_consent(paths.info, options.consent)
    except (OSError, MediaError) as e:
        for partial in out.rglob("*.partial"):
            partial.unlink(missing_ok=True)
        cause = e if isinstance(e, OSError) else e.__cause__
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MediaError(
                f"there is no room left for {out}: free some space and prepare it again, "
                "it continues where it stopped"
            ) from e
        if isinstance(e, MediaError):
            raise
        raise MediaError(f"{e.filename or out} cannot be written: {e.strerror or e}") from e


def _with_consent(file: Path, consent: str) -> SubjectInfo:
    """The contents of `subject.json`, with a consent that is stated after the preparation."""
    info = SubjectInfo.load(file)
    if consent and consent != info.consent:
        info = replace(info, consent=consent)
        info.save(file)
    return info
