"""The stages of a preparation: each reads files, writes files, and notes what it found."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from audioplane.assets import find_model, require_model
from audioplane.errors import ModelError, PrepareError
from audioplane.face.finder import CropBox, crop_image
from audioplane.face.landmarker import FACE_LANDMARKER, N_POINTS, Face, Landmarker, to_68
from audioplane.face.shots import Shot
from audioplane.media.audio import SPEECH_RATE, read_audio, write_wav
from audioplane.media.image import read_image, write_image
from audioplane.media.video import probe_video, read_frames
from audioplane.preflight import PREFLIGHT_PAGE, check_video, write_page
from audioplane.preflight.sync import NOTICEABLE
from audioplane.prepare import plates
from audioplane.prepare.crop import find_crop
from audioplane.prepare.masks.flicker import Outline, flickering, head_outline
from audioplane.prepare.masks.hair import HairColours, learn_hair
from audioplane.prepare.masks.matte import SAMPLES, View, learn_person
from audioplane.prepare.masks.outline import HeadFrame
from audioplane.prepare.masks.parsing import (
    Matte,
    ParsedFrame,
    calm,
    classical_matte,
    label_frame,
    network_matte,
    segmented_matte,
    skin_like,
    with_hair,
    with_neighbours,
)
from audioplane.prepare.masks.segmenter import (
    PERSON_NETWORK,
    SEGMENTER,
    PartSegmenter,
    PersonNetwork,
    SelfieSegmenter,
)
from audioplane.prepare.pose.camera import Intrinsics
from audioplane.prepare.progress import Tell
from audioplane.prepare.record import LANDMARK_DEPTH, Record
from audioplane.prepare.workers import ahead, in_order
from audioplane.subject.labels import paint_labels, read_labels
from audioplane.subject.layout import FPS, SubjectPaths
from audioplane.subject.track import Track

LEAST_FRAMES = 22
"""Usable frames below which there is nothing to train and to hold out: two held-out ones."""

_SILENCE = 10 ** (-60 / 20)
"""Peak, of full scale, below which a sound track counts as silent."""
_NO_SOUND_AFTER = 5
"""Frames by which the sound may end before the picture without a frame being left out."""
_ORIGINAL_QUALITY = 97


@dataclass(frozen=True)
class Job:
    """What every stage needs."""

    video: Path
    paths: SubjectPaths
    record: Record
    size: int
    speech: tuple[str, ...]
    """Kinds of speech features."""
    face_landmarker: Path | None
    segmenter: Path | PartSegmenter | None
    force: bool
    """Go on with a clip that preflight calls hopeless."""
    tell: Tell
    speech_model: Path | None = None
    """Network that the features need; None to look it up."""
    focal: float | None = None
    """Focal length of the frames, pixels; None to search for it."""
    sound_late: float | None = None
    """Seconds by which the sound comes after the picture; None to believe preflight."""


def preflight_stage(job: Job) -> None:
    """Judge the clip before the long work; a hopeless one is refused."""
    model = require_model(FACE_LANDMARKER, job.face_landmarker)
    with Landmarker(model, max_faces=4) as landmarker:
        report = check_video(job.video, landmarker, lambda p: job.tell(p.done, p.total, ""))
    page = job.paths.root / PREFLIGHT_PAGE
    write_page(report, page)
    if report.verdict == "hopeless" and not job.force:
        raise PrepareError(
            f"{job.video}: {report.reasons()} ({page} shows more, --force goes on all the same)"
        )
    figures, record = report.figures, job.record
    record.notes["preflight"] = report.title
    if job.sound_late is not None:
        record.sound_late = job.sound_late
    elif figures.offset_believed and abs(figures.offset or 0.0) > NOTICEABLE:
        record.sound_late = figures.offset or 0.0
    if record.sound_late:
        record.notes["sound"] = f"moved by {-1000 * record.sound_late:+.0f} ms, to its picture"
    looked = figures.looked_at
    for finding in report.findings:
        if finding.level != "good":
            job.tell(looked, looked, f"{finding.name}: {finding.value}: {finding.advice}")


def crop_stage(job: Job) -> None:
    """Choose the crop, count the frames."""
    info = probe_video(job.video)
    if not info.has_audio:
        raise PrepareError(
            f"{job.video} has no sound track: a talking head needs the speech of its video"
        )
    expected = round(info.duration * FPS)
    model = require_model(FACE_LANDMARKER, job.face_landmarker)
    with Landmarker(model, max_faces=4) as landmarker:
        found = find_crop(
            ahead(read_frames(job.video, FPS)), landmarker, lambda n: job.tell(n, expected, "")
        )
    record = job.record
    record.crop, record.n_frames = found.box, found.n_frames
    _note_shots(job, found.shots)
    scale = job.size / found.box.side
    record.face_centres = {
        i: (scale * (x - found.box.left), scale * (y - found.box.top))
        for i, (x, y) in found.centres.items()
    }
    record.notes["crop"] = (
        f"{found.box.side} px square at {found.box.left},{found.box.top} of "
        f"{info.width}x{info.height}, face {found.face_height:.0f} px high"
    )
    if found.people > 1:
        record.notes["people"] = f"{found.people} faces seen: the largest was taken"
        job.tell(found.n_frames, found.n_frames, record.notes["people"])
    if found.face_height * scale > 2.2 * found.face_height:
        record.notes["resolution"] = f"the face is only {found.face_height:.0f} px high: soft"
        job.tell(found.n_frames, found.n_frames, record.notes["resolution"])


def _note_shots(job: Job, shots: list[Shot]) -> None:
    """Remember the cuts, leave out what is another person or scene, and say so."""
    record = job.record
    record.cuts = [s.first for s in shots[1:]]
    if not record.cuts:
        return
    cuts = f"{len(record.cuts)} cut{'s' if len(record.cuts) > 1 else ''}"
    record.notes["cuts"] = f"{cuts}, the same person and scene on both sides"
    flaws: dict[str, int] = {}
    for shot in shots:
        if shot.flaw is not None:
            flaws[shot.flaw] = flaws.get(shot.flaw, 0) + shot.end - shot.first
            for i in range(shot.first, shot.end):
                record.flag(i, shot.flaw)
    if flaws:
        told = ", ".join(f"{n / FPS:.1f} s of {flaw}" for flaw, n in flaws.items())
        record.notes["cuts"] = f"{cuts}; left out: {told}"
    job.tell(record.n_frames, record.n_frames, record.notes["cuts"])


def frames_stage(job: Job) -> None:
    """Write the cropped frames, the sound and its features."""
    from audioplane.speech import compute_features

    record = job.record
    box = _require_crop(record)
    waveform = read_audio(job.video)
    if not len(waveform) or np.abs(waveform).max() < _SILENCE:
        raise PrepareError(
            f"the sound track of {job.video} is silent: a talking head needs the speech"
        )
    waveform = _in_step(waveform, record.sound_late)

    def write(numbered: tuple[int, UInt8[np.ndarray, "h w 3"]]) -> int:
        i, image = numbered
        write_image(job.paths.original(i), crop_image(image, box, job.size), _ORIGINAL_QUALITY)
        return i

    for i in in_order(write, enumerate(ahead(read_frames(job.video, FPS)))):
        job.tell(i + 1, record.n_frames, "")
    n = record.n_frames * (SPEECH_RATE // FPS)
    heard = len(waveform) // (SPEECH_RATE // FPS)
    for i in range(heard + _NO_SOUND_AFTER, record.n_frames):
        record.flag(i, "no sound")
    waveform = np.pad(waveform[:n], (0, max(0, n - len(waveform))))
    write_wav(job.paths.audio, waveform)
    for kind in job.speech:
        np.save(job.paths.features(kind), compute_features(waveform, kind, job.speech_model))


def _in_step(waveform: Float32[np.ndarray, " n"], late: float) -> Float32[np.ndarray, " m"]:
    """Sound that came late or early by so many seconds, moved to where its picture is."""
    samples = round(late * SPEECH_RATE)
    return waveform[samples:] if samples >= 0 else np.pad(waveform, (-samples, 0))


def _require_crop(record: Record) -> CropBox:
    if record.crop is None:
        raise PrepareError(f"{record.path} is damaged: prepare with --force anew")
    return record.crop


def landmarks_stage(job: Job) -> None:
    """Follow the face through the frames."""
    record, n = job.record, job.record.n_frames
    points = np.zeros((n, N_POINTS, 3), np.float32)
    blink = np.zeros((n, 2), np.float32)
    valid = np.zeros(n, bool)
    cuts = set(record.cuts)
    shown = record.usable()
    model = require_model(FACE_LANDMARKER, job.face_landmarker)
    images = in_order(lambda i: read_image(job.paths.original(i)), shown)
    with Landmarker(model, follow=True) as landmarker:
        for i, image in zip(shown, images, strict=True):
            if i in cuts:
                landmarker.restart()
            faces = landmarker.detect(image)
            flaw = _flaw(faces, record.face_centres.get(i), job.size)
            if flaw is None:
                points[i], blink[i], valid[i] = faces[0].points, faces[0].blink, True
                _write_landmarks(job.paths.landmarks(i), to_68(faces[0].points))
            else:
                record.flag(i, flaw)
            job.tell(i + 1, n, "")
    usable = len(record.usable())
    if usable < LEAST_FRAMES:
        raise PrepareError(
            f"only {usable} of {n} frames show the face with sound: at least {LEAST_FRAMES} "
            "are needed, and minutes are better"
        )
    np.save(job.paths.root / LANDMARK_DEPTH, points[..., 2].astype(np.float16))
    viewmats = np.tile(np.eye(4), (n, 1, 1))
    Track(points[..., :2], blink, valid, viewmats).save(job.paths.track)


def _flaw(faces: list[Face], expected: tuple[float, float] | None, size: int) -> str | None:
    """Why a frame is of no use, None if it is."""
    if not faces:
        return "no face"
    face = faces[0]
    if expected is not None and np.linalg.norm(face.centre - expected) > face.height:
        return "another face"
    return None if face.inside(size, size) else "face leaves the frame"


def _write_landmarks(path: Path, landmarks: Float32[np.ndarray, "68 2"]) -> None:
    path.write_text("".join(f"{x:.3f} {y:.3f}\n" for x, y in landmarks))


def pose_stage(job: Job) -> None:
    """Fit the head's pose to the landmarks of all frames."""
    from audioplane.prepare.pose.track import track_head

    track = Track.load(job.paths.track)
    depth = np.load(job.paths.root / LANDMARK_DEPTH, allow_pickle=False).astype(np.float32)
    points = np.concatenate([track.landmarks, depth[..., None]], -1)
    viewmats, report = track_head(points, track.valid, job.size, job.record.cuts, job.focal)
    job.record.focal = report.focal
    replace(track, viewmats=viewmats).save(job.paths.track)
    (job.paths.root / "pose_report.json").write_text(json.dumps(report.to_dict(), indent=1))
    job.record.notes["pose"] = report.summary()
    job.tell(job.record.n_frames, job.record.n_frames, report.summary())


def parsing_stage(job: Job) -> None:
    """Label every usable frame."""
    record = job.record
    track = Track.load(job.paths.track)
    usable = record.usable()
    with ExitStack() as stack:
        matte, name = _matte(job, track, usable, stack)
        record.notes["parsing"] = name
        matte = with_hair(matte, _hair_colours(job, track, usable, matte))

        def label(seen: tuple[ParsedFrame, list[ParsedFrame]]) -> Outline:
            frame, near = seen
            labels = label_frame(calm(frame, near))
            write_image(job.paths.parsing(frame.img_id), paint_labels(labels))
            return head_outline(frame, labels)

        frames = with_neighbours(_mattes(job, track, usable, matte))
        shares, before = [], None
        for done, outline in enumerate(in_order(label, frames), start=1):
            share = None if before is None else flickering(before, outline)
            shares += [] if share is None else [share]
            before = outline
            job.tell(done, len(usable), "")
    if shares:
        flicker = f"{100 * np.mean(shares):.1f} % of the head's outline flickers"
        record.notes["outline"] = flicker
        job.tell(len(usable), len(usable), flicker)


def _hair_colours(job: Job, track: Track, usable: list[int], matte: Matte) -> HairColours | None:
    views = [_view(job, track, i) for i in plates.pick_frames(usable, SAMPLES)]
    return learn_hair(
        [v.image for v in views],
        [v.landmarks for v in views],
        [matte(v).person > 0.5 for v in views],
        [skin_like(v.image, v.landmarks) for v in views],
    )


def _mattes(job: Job, track: Track, usable: list[int], matte: Matte) -> Iterator[ParsedFrame]:
    shots = np.searchsorted(job.record.cuts, np.arange(job.record.n_frames), side="right")

    def parse(i: int) -> ParsedFrame:
        view = _view(job, track, i)
        head = HeadFrame.of(view.viewmat, Intrinsics(view.focal, job.size / 2))
        return ParsedFrame(i, int(shots[i]), view.image, track.landmarks[i], head, matte(view))

    return in_order(parse, usable)


def _view(job: Job, track: Track, i: int) -> View:
    image = read_image(job.paths.original(i))
    return View(image, to_68(track.landmarks[i]), track.viewmats[i], job.record.focal)


def _matte(job: Job, track: Track, usable: list[int], stack: ExitStack) -> tuple[Matte, str]:
    """The best matte that can be had: a part segmenter's, a person network's, or a learnt one."""
    segmenter = job.segmenter
    if segmenter is None or isinstance(segmenter, str | Path):
        path = find_model(SEGMENTER, Path(segmenter) if segmenter else None)
        if path is None:
            return _person_matte(job, track, usable)
        segmenter = stack.enter_context(SelfieSegmenter(path))
    return segmented_matte(segmenter), "part segmenter"


def _person_matte(job: Job, track: Track, usable: list[int]) -> tuple[Matte, str]:
    try:
        return network_matte(PersonNetwork(require_model(PERSON_NETWORK))), "person network"
    except (ModelError, PrepareError) as e:
        job.tell(0, len(usable), f"the person is cut out less exactly, without a network: {e}")
        return _learnt_matte(job, track, usable), "classical (outlines)"


def _learnt_matte(job: Job, track: Track, usable: list[int]) -> Matte:
    chosen = plates.pick_frames(usable, SAMPLES)
    return classical_matte(learn_person([_view(job, track, i) for i in chosen]))


def plates_stage(job: Job) -> None:
    """Write the background, the frames before it and the torso."""
    track = Track.load(job.paths.track)
    usable = job.record.usable()
    background, still = _still_plates(job.paths, usable)
    write_image(job.paths.background, background)
    # What the frames are composited with is what a reader of the JPEG will see.
    background = read_image(job.paths.background)

    def write(i: int) -> None:
        image = read_image(job.paths.original(i))
        labels = _labels(job.paths, i)
        write_image(job.paths.image(i), plates.over_background(image, labels, background))
        torso = plates.torso_image(image, labels, to_68(track.landmarks[i]), still)
        write_image(job.paths.torso(i), torso)

    for done, _ in enumerate(in_order(write, usable), start=1):
        job.tell(done, len(usable), "")


def _labels(paths: SubjectPaths, i: int) -> UInt8[np.ndarray, "h w"]:
    return read_labels(read_image(paths.parsing(i)))


def _still_plates(
    paths: SubjectPaths, usable: list[int]
) -> tuple[UInt8[np.ndarray, "h w 3"], plates.StillPlate]:
    chosen = plates.pick_frames(usable)
    images = np.stack([read_image(paths.original(i)) for i in chosen])
    labels = np.stack([_labels(paths, i) for i in chosen])
    return plates.background_plate(images, labels), plates.torso_plate(images, labels)
