"""The stages of a preparation except parsing: each reads files, writes files and records findings.

The parsing stage is `masks/stage.py`.
"""

import importlib.metadata
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from audioplane.assets import require_model
from audioplane.clock import FPS, FRAME_SAMPLES, SAMPLE_RATE
from audioplane.errors import PrepareError
from audioplane.face.finder import CropBox, FaceFinder, crop_image
from audioplane.face.landmarker import (
    BLENDSHAPES,
    FACE_LANDMARKER,
    N_POINTS,
    Face,
    Landmarker,
    to_68,
)
from audioplane.face.mouth_cover import MouthCover
from audioplane.face.shots import Shot
from audioplane.media.audio import at_speed, read_audio, write_wav
from audioplane.media.image import read_image, write_image
from audioplane.media.video import probe_video
from audioplane.preflight import PREFLIGHT_PAGE, check_video, write_page
from audioplane.preflight.first_look import read_upright
from audioplane.prepare import plates
from audioplane.prepare.crop import find_crop
from audioplane.prepare.job import Job
from audioplane.prepare.matte import person_matte
from audioplane.prepare.pose.camera import Intrinsics
from audioplane.prepare.record import BLENDSHAPE_ROWS, LANDMARK_DEPTH, Record
from audioplane.prepare.workers import ahead, in_order
from audioplane.subject.body import save_body
from audioplane.subject.expression import save_expressions
from audioplane.subject.hair import is_long_hair
from audioplane.subject.info import SubjectInfo
from audioplane.subject.labels import head_on_torso, read_labels
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.subject import load_subject
from audioplane.subject.track import Track
from audioplane.subject.transforms import FrameRef, Split, write_split

LEAST_FRAMES = 22
"""Fewest usable frames: two of them are held out."""

_SILENCE = 10 ** (-60 / 20)
"""Peak, of full scale, below which a sound track counts as silent."""
_NO_SOUND = 5
"""Frames by which the sound may begin late or end early without a frame being left out."""
_NOTHING = 2.0**-15
"""Of full scale, one step of 16 bits: sound begins with the first sample beyond it."""
_ORIGINAL_QUALITY = 97
_ENLARGED = 2.2
"""Enlargement beyond which the face looks soft."""
_TRAIN_SHARE = 10 / 11
_TOOLS = ("audioplane", "mediapipe", "opencv-contrib-python", "av", "numpy")
"""Packages whose versions `subject.json` states."""


def _landmarker(job: Job, follow: bool = False) -> Landmarker:
    """`follow`: one face through a video; otherwise up to four faces in single images."""
    model = require_model(FACE_LANDMARKER, job.options.face_landmarker)
    return Landmarker(model, follow, max_faces=1 if follow else 4)


def preflight_stage(job: Job) -> None:
    """Judge the video before the long work; a hopeless one is refused."""
    with _landmarker(job) as landmarker:
        report = check_video(job.video, landmarker, job.report, job.options.audio_track)
    page = job.paths.root / PREFLIGHT_PAGE
    write_page(report, page)
    if report.verdict == "hopeless" and not job.options.force:
        raise PrepareError(
            f"{job.video}: {report.reasons()} ({page} shows more, force=True goes on all the same)"
        )
    figures, record = report.figures, job.record
    record.quarter_turns = report.sample.first_look.quarter_turns
    record.speaker = report.sample.first_look.speaker
    record.notes["preflight"] = report.title
    if figures.sound is not None and figures.sound.notes:
        record.notes["sound track"] = "; ".join(figures.sound.notes)
    if job.options.sound_late is not None:
        record.sound_late = job.options.sound_late
    elif figures.offset is not None and figures.out_of_step:
        record.sound_late, record.sound_growth = figures.offset, figures.offset_growth
    if record.sound_late or record.sound_growth:
        moved = f"moved by {-1000 * record.sound_late:+.0f} ms"
        if record.sound_growth:
            moved += f", and by {-1000 * record.sound_growth:+.2f} ms more each second"
        record.notes["sound"] = f"{moved}, to its image"
    for finding in report.findings:
        if finding.level != "good":
            job.say(f"{finding.name}: {finding.value}: {finding.advice}")


def crop_stage(job: Job) -> None:
    """Choose the crop, count the frames."""
    info = probe_video(job.video)
    if not info.has_audio:
        raise PrepareError(
            f"{job.video} has no sound track: a talking head needs the speech of its video"
        )
    expected = round(info.duration * FPS)
    with _landmarker(job) as landmarker:
        frames = ahead(read_upright(job.video, FPS, job.record.quarter_turns))
        finder = FaceFinder(landmarker, job.record.speaker)
        found = find_crop(frames, finder, lambda n: job.progress(n, expected))
    record = job.record
    record.crop, record.n_frames = found.box, found.n_frames
    _note_shots(job, found.shots)
    scale = job.options.size / found.box.side
    record.face_centres = {
        i: (scale * (x - found.box.left), scale * (y - found.box.top))
        for i, (x, y) in found.centres.items()
    }
    record.notes["crop"] = (
        f"{found.box.side} px square at {found.box.left},{found.box.top} of "
        f"{found.width}x{found.height}, face {found.face_height:.0f} px high"
    )
    if found.people > 1:
        which = "largest" if record.speaker is None else "one whose mouth moves"
        job.note("people", f"{found.people} faces seen: the {which} was taken")
    if not found.box.inside(found.width, found.height):
        job.note("edge", "the crop reaches beyond the image, whose edge is repeated: film wider")
    if scale > _ENLARGED:
        job.note("resolution", f"the face is only {found.face_height:.0f} px high: soft")


def _note_shots(job: Job, shots: list[Shot]) -> None:
    """Record the cuts, and leave out shots of another person or scene."""
    record = job.record
    record.cuts = [s.first for s in shots[1:]]
    if not record.cuts:
        return
    cuts = f"{len(record.cuts)} cut{'s' if len(record.cuts) > 1 else ''}"
    finding = f"{cuts}, the same person and scene on both sides"
    flaws: dict[str, int] = {}
    for shot in shots:
        if shot.flaw is not None:
            flaws[shot.flaw] = flaws.get(shot.flaw, 0) + shot.end - shot.first
            for i in range(shot.first, shot.end):
                record.flag(i, shot.flaw)
    if flaws:
        left_out = ", ".join(f"{n / FPS:.1f} s of {flaw}" for flaw, n in flaws.items())
        finding = f"{cuts}; left out: {left_out}"
    job.note("cuts", finding)


def frames_stage(job: Job) -> None:
    """Write the cropped frames, the sound and its features."""
    from audioplane.speech import Speech, save_features

    record = job.record
    box = _require_crop(record)
    waveform = read_audio(job.video, audio_track=job.options.audio_track)
    waveform = _in_step(waveform, record.sound_late, record.sound_growth)
    if not len(waveform) or np.abs(waveform).max() < _SILENCE:
        moved = f", moved by {-record.sound_late:+g} s" if record.sound_late else ""
        raise PrepareError(
            f"the sound track of {job.video}{moved} is silent: a talking head needs the speech"
        )

    def write(numbered: tuple[int, UInt8[np.ndarray, "h w 3"]]) -> int:
        i, image = numbered
        write_image(
            job.paths.original(i), crop_image(image, box, job.options.size), _ORIGINAL_QUALITY
        )
        return i

    for i in in_order(write, enumerate(ahead(read_upright(job.video, FPS, record.quarter_turns)))):
        job.progress(i + 1, record.n_frames)
    n = record.n_frames * FRAME_SAMPLES
    first, end = _sounding(waveform)
    for i in (*range(first - _NO_SOUND), *range(end + _NO_SOUND, record.n_frames)):
        record.flag(i, "no sound")
    waveform = np.pad(waveform[:n], (0, max(0, n - len(waveform))))
    write_wav(job.paths.audio, waveform)
    speech = Speech(waveform)
    for kind in job.options.speech:
        save_features(job.paths.features(kind), speech, kind, job.options.speech_model)


def _in_step(
    waveform: Float32[np.ndarray, " n"], late: float, growth: float
) -> Float32[np.ndarray, " m"]:
    """Sound moved by the seconds that it is late or early against its images, at the first of them,
    and by what this grows in each second."""
    samples = round(late * SAMPLE_RATE)
    moved = waveform[samples:] if samples >= 0 else np.pad(waveform, (-samples, 0))
    return at_speed(moved, 1 + growth) if growth else moved


def _sounding(waveform: Float32[np.ndarray, " n"]) -> tuple[int, int]:
    """First frame with sound, and the frame after the last one."""
    frame = FRAME_SAMPLES
    begins = int(np.flatnonzero(np.abs(waveform) > _NOTHING)[0])
    return begins // frame, len(waveform) // frame


def _require_crop(record: Record) -> CropBox:
    if record.crop is None:
        raise PrepareError(f"{record.path} is damaged: start again with force=True")
    return record.crop


def landmarks_stage(job: Job) -> None:
    """Follow the face through the frames."""
    record, n = job.record, job.record.n_frames
    points = np.zeros((n, N_POINTS, 3), np.float32)
    blink = np.zeros((n, 2), np.float32)
    shapes = np.full((n, len(BLENDSHAPES)), np.nan, np.float32)
    valid = np.zeros(n, bool)
    cuts = set(record.cuts)
    mouth, followed = MouthCover(), []
    shown = record.usable()
    with _landmarker(job, follow=True) as landmarker:
        for i, image in zip(shown, job.images(shown), strict=True):
            if i in cuts:
                landmarker.restart()
            faces = landmarker.detect(image)
            flaw = _flaw(faces, record.face_centres.get(i), job.options.size)
            if flaw is None:
                points[i], blink[i], valid[i] = faces[0].points, faces[0].blink, True
                if faces[0].blendshapes is not None:
                    shapes[i] = faces[0].blendshapes
                mouth.add(faces[0], image)
                followed.append(i)
                _write_landmarks(job.paths.landmarks(i), to_68(faces[0].points))
            else:
                record.flag(i, flaw)
            job.progress(i + 1, n)
    for i in np.array(followed, int)[mouth.covered()]:
        record.flag(int(i), "mouth covered")
    usable = len(record.usable())
    if usable < LEAST_FRAMES:
        raise PrepareError(
            f"only {usable} of {n} frames show the face with sound: at least {LEAST_FRAMES} "
            "are needed, and minutes are better"
        )
    np.save(job.paths.root / LANDMARK_DEPTH, points[..., 2].astype(np.float16))
    np.save(job.paths.root / BLENDSHAPE_ROWS, shapes)
    viewmats = np.tile(np.eye(4), (n, 1, 1))
    Track(points[..., :2], blink, valid, viewmats).save(job.paths.track)


def _flaw(faces: list[Face], expected: tuple[float, float] | None, size: int) -> str | None:
    """Why a frame is unusable; None if it is usable."""
    if not faces:
        return "no face"
    face = faces[0]
    if expected is not None and np.linalg.norm(face.centre - expected) > face.height:
        return "another face"
    return None if face.inside(size, size) else "face leaves the frame"


def _write_landmarks(path: Path, landmarks: Float32[np.ndarray, "68 2"]) -> None:
    path.write_text("".join(f"{x:.3f} {y:.3f}\n" for x, y in landmarks))


def pose_stage(job: Job) -> None:
    """Fit the head's pose to the landmarks of all frames, then to the pixels of the face."""
    from audioplane.prepare.pose.pixels import refine_by_pixels
    from audioplane.prepare.pose.track import track_head

    track = Track.load(job.paths.track)
    depth = np.load(job.paths.root / LANDMARK_DEPTH, allow_pickle=False)
    viewmats, report = track_head(
        track.landmarks, depth, track.valid, job.options.size, job.record.cuts, job.options.focal
    )
    job.record.focal = report.focal
    rows = np.flatnonzero(track.valid)
    viewmats[rows] = refine_by_pixels(
        lambda k: read_image(job.paths.original(int(rows[k]))),
        track.landmarks[rows],
        viewmats[rows],
        Intrinsics(report.focal, job.options.size / 2),
        lambda n: job.progress(n, len(rows)),
    )
    replace(track, viewmats=viewmats).save(job.paths.track)
    (job.paths.root / "pose_report.json").write_text(json.dumps(report.to_dict(), indent=1))
    job.note("pose", report.summary())


def plates_stage(job: Job) -> None:
    """Write the background, the frames over it and the torso."""
    track = Track.load(job.paths.track)
    usable = job.record.usable()
    background, still = _still_plates(job.paths, usable)
    write_image(job.paths.background, background)
    # Frames are composited with the background as decoded from its JPEG.
    background = read_image(job.paths.background)

    def write(i: int) -> float:
        image = read_image(job.paths.original(i))
        labels = _labels(job.paths, i)
        matte = person_matte(image, labels, background)
        write_image(job.paths.image(i), matte.over(image, background))
        write_image(job.paths.alpha(i), np.rint(255 * matte.alpha[..., None]).astype(np.uint8))
        points = to_68(track.landmarks[i])
        torso = plates.torso_image(image, labels, points, still, matte.alpha)
        write_image(job.paths.torso(i), torso)
        return head_on_torso(labels)

    touching = []
    for touch in in_order(write, usable):
        touching.append(touch)
        job.progress(len(touching), len(usable))
    if is_long_hair(touching):
        job.note("hair", "falls onto the shoulders: head, hair and torso are trained as one")


def _labels(paths: SubjectPaths, i: int) -> UInt8[np.ndarray, "h w"]:
    return read_labels(read_image(paths.parsing(i)))


def _still_plates(
    paths: SubjectPaths, usable: list[int]
) -> tuple[UInt8[np.ndarray, "h w 3"], plates.StillPlate]:
    chosen = plates.pick_frames(usable)
    images = np.stack([read_image(paths.original(i)) for i in chosen])
    labels = np.stack([_labels(paths, i) for i in chosen])
    return plates.background_plate(images, labels), plates.torso_plate(images, labels)


def splits_stage(job: Job) -> None:
    """Write `subject.json`, then the cameras of both splits, without which nothing loads."""
    record, paths = job.record, job.paths
    track = Track.load(paths.track)
    usable = record.usable()
    cut = round(len(usable) * _TRAIN_SHARE)
    camera = Intrinsics(record.focal, job.options.size / 2)
    SubjectInfo(
        size=job.options.size,
        n_frames=record.n_frames,
        feature_kinds=job.options.speech,
        source=job.video.name,
        source_sha256=record.source_sha256,
        consent=job.options.consent,
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
    job.say(f"{len(usable)} of {record.n_frames} frames usable")


def expression_stage(job: Job) -> None:
    """Write the expression of every frame, now that its camera is known."""
    from audioplane.prepare.expression import expressions_of, with_expression

    subject, kept = load_subject(job.paths.root), job.paths.root / BLENDSHAPE_ROWS
    if not kept.exists():  # the landmarks are an older version's
        with_expression(subject, job.options.face_landmarker, job.report)
        return
    shapes = np.load(kept, allow_pickle=False)
    rows = expressions_of(subject, Track.load(job.paths.track).landmarks, shapes)
    save_expressions(job.paths.expressions, rows)
    job.progress(len(rows), len(rows))


def body_stage(job: Job) -> None:
    """Follow the torso, now that the subject loads."""
    from audioplane.prepare.pose.body import track_body

    (job.paths.root / BLENDSHAPE_ROWS).unlink(missing_ok=True)
    subject = load_subject(job.paths.root)
    save_body(job.paths.body, track_body(subject, job.report))


def _tools(record: Record) -> dict[str, str]:
    tools = dict(record.notes)
    for name in _TOOLS:
        try:
            tools[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return tools
