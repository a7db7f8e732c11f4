"""Makes a synthetic subject: a folder like a prepared video's, with its truth known."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64
from safetensors.numpy import save

import audioplane
from audioplane.clock import FPS
from audioplane.errors import MediaError, SubjectError
from audioplane.media.image import write_image
from audioplane.progress import Counter, Report, ignore
from audioplane.subject.expression import COLUMNS, save_expressions
from audioplane.subject.info import SubjectInfo
from audioplane.subject.labels import paint_labels
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.poses import pose_file
from audioplane.subject.track import Track
from audioplane.subject.transforms import FrameRef, Split, write_split
from audioplane.synthetic.camera import (
    BUST_FRAMING,
    HEAD_FRAMING,
    body_to_camera,
    frame_geometry,
)
from audioplane.synthetic.face import (
    BLINK_LEFT,
    BLINK_RIGHT,
    BROW,
    FACE_SIZE,
    GAZE_X,
    GAZE_Y,
    pose_face,
)
from audioplane.synthetic.landmarks import landmark_points, true_aperture
from audioplane.synthetic.motion import HeadMotion, articulate, move_head, sway
from audioplane.synthetic.render import SyntheticFrame, draw_background
from audioplane.synthetic.scene import SyntheticScene
from audioplane.synthetic.script import TimedPhoneme, script
from audioplane.synthetic.voice import synthesize

_TOLD = {
    "browInnerUp": BROW,
    "browOuterUpLeft": BROW,
    "browOuterUpRight": BROW,
    "eyeBlinkLeft": BLINK_RIGHT,
    "eyeBlinkRight": BLINK_LEFT,
    "gazeYaw": GAZE_X,
    "gazePitch": GAZE_Y,
}
"""Columns of an expression → places in the face's vector, whose sides are the image's."""
_GAZE_KEPT = 0.5
"""How much of the head's turn the eyes make up for, looking at the camera."""


@dataclass(frozen=True)
class SyntheticSentence:
    """Speech with the mouth that made it; row t of n frames is at second (t + 0.5) / 25."""

    phonemes: tuple[TimedPhoneme, ...]
    waveform: Float32[np.ndarray, " samples"]
    """16 kHz, [−1, 1]."""
    articulation: Float64[np.ndarray, "t 7"]
    """`Articulation.stack()`."""
    aperture: Float64[np.ndarray, " t"]
    """`regions.mouth_aperture` as seen from straight ahead of the face."""


@dataclass(frozen=True)
class SyntheticTruth:
    """What is known of a synthetic subject, one row a frame."""

    sentence: SyntheticSentence
    scene: SyntheticScene
    """What is drawn; draws other poses too."""
    landmarks: Float64[np.ndarray, "t 68 2"]
    """iBUG landmarks, pixels."""
    points: Float64[np.ndarray, "t 68 3"]
    """The same in head axes, metres."""
    blink: Float64[np.ndarray, "t 2"]
    """0 open to 1 closed, image-left eye first."""

    @property
    def expression(self) -> Float64[np.ndarray, "t 17"]:
        """Brows, lids and gaze as a landmarker would tell them (`subject.expression.COLUMNS`)."""
        faces = self.scene.faces
        rows = np.zeros((len(faces), len(COLUMNS)))
        for name, column in _TOLD.items():
            rows[:, COLUMNS.index(name)] = faces[:, column]
        return rows

    @property
    def viewmats(self) -> Float64[np.ndarray, "t 4 4"]:
        """Head-fixed world → camera, OpenCV axes, metres."""
        return self.scene.viewmats

    @property
    def body_viewmats(self) -> Float64[np.ndarray, "t 4 4"]:
        """Body axes → camera, likewise."""
        return self.scene.body_viewmats

    @property
    def focal(self) -> float:
        """Pixels."""
        return self.scene.focal


def make_synthetic_sentence(seconds: float, seed: int, held_out: bool = True) -> SyntheticSentence:
    """Speech and its true mouth, without images.

    Args:
        seconds: Length; cut down to whole frames.
        seed: Decides order, pace and melody of the sentences, and the noise in the voice.
        held_out: Say sentences that no synthetic subject was made of.
    """
    n = int(seconds * FPS + 1e-6)
    timed = script(seed, n / FPS, held_out)
    articulation = articulate(timed, n).stack()
    still = np.zeros(2)
    points = np.stack([landmark_points(pose_face(a, still, 0.0, still)) for a in articulation])
    return SyntheticSentence(
        tuple(timed), synthesize(timed, seed), articulation, true_aperture(points)
    )


def _face(mouth: np.ndarray, motion: HeadMotion, t: int) -> Float64[np.ndarray, "15"]:
    yaw, pitch, _ = motion.rotation[t]
    gaze = motion.gaze[t] - _GAZE_KEPT * np.array([yaw, pitch])
    return pose_face(mouth, motion.blink[t], float(motion.brow[t]), gaze)


def make_scene(
    sentence: SyntheticSentence,
    size: int,
    seed: int,
    long_hair: bool = False,
    moving_body: bool = False,
) -> SyntheticScene:
    """The sentence's mouth on a head, and where wanted a body, that move by themselves."""
    n = len(sentence.articulation)
    motion, body = move_head(n, seed), sway(n, seed)
    framing = BUST_FRAMING if moving_body or long_hair else HEAD_FRAMING
    faces, geometries = np.empty((n, FACE_SIZE)), []
    for t, mouth in enumerate(sentence.articulation):
        faces[t] = _face(mouth, motion, t)
        turn, shift = moving_body * body.rotation[t], moving_body * body.translation[t]
        body_viewmat = body_to_camera(turn, shift, framing)
        head = motion.rotation[t], motion.translation[t]
        geometries.append(frame_geometry(*head, size, body_viewmat, framing))
    viewmats, body_viewmats = (
        np.stack(rows)
        for rows in zip(*((s.viewmat, s.body_viewmat) for s in geometries), strict=True)
    )
    return SyntheticScene(faces, viewmats, body_viewmats, framing.focal * size, size, long_hair)


def _write_frame(
    paths: SubjectPaths, i: int, frame: SyntheticFrame, landmarks: Float64[np.ndarray, "68 2"]
) -> None:
    write_image(paths.original(i), frame.image)
    write_image(paths.image(i), frame.image)
    write_image(paths.torso(i), frame.torso)
    write_image(paths.parsing(i), paint_labels(frame.labels))
    np.savetxt(paths.landmarks(i), landmarks, fmt="%.3f")


def _write_splits(paths: SubjectPaths, truth: SyntheticTruth, size: int) -> None:
    """The first 10/11 of the frames to train on, the last 1/11 held out."""
    refs = [FrameRef(i, i, viewmat) for i, viewmat in enumerate(truth.viewmats)]
    cut = len(refs) * 10 // 11
    for name, part in (("train", refs[:cut]), ("val", refs[cut:])):
        split = Split(truth.focal, 0.5 * size, 0.5 * size, tuple(part))
        write_split(paths.transforms(name), split)


def _write_sound(paths: SubjectPaths, waveform: np.ndarray, kinds: Sequence[str]) -> None:
    from audioplane.media.audio import write_wav
    from audioplane.speech import compute_features

    write_wav(paths.audio, waveform)
    for kind in kinds:
        np.save(paths.features(kind), compute_features(waveform, kind))


def _truth(sentence: SyntheticSentence, scene: SyntheticScene) -> SyntheticTruth:
    points = np.stack([landmark_points(f) for f in scene.faces])
    return SyntheticTruth(
        sentence=sentence,
        scene=scene,
        landmarks=np.stack([scene.geometry(t).project(p) for t, p in enumerate(points)]),
        points=points,
        blink=scene.faces[:, BLINK_LEFT : BLINK_RIGHT + 1].copy(),
    )


def _write_truth(paths: SubjectPaths, truth: SyntheticTruth) -> None:
    """`track.safetensors` and `expression.npy`, as a tracker would write them; truth and scene
    `.safetensors`."""
    Track(
        landmarks=truth.landmarks.astype(np.float32),
        blink=truth.blink.astype(np.float32),
        valid=np.ones(len(truth.blink), bool),
        viewmats=truth.viewmats,
    ).save(paths.track)
    save_expressions(paths.expressions, truth.expression)
    arrays = {
        "aperture": truth.sentence.aperture,
        "articulation": truth.sentence.articulation,
        "points": truth.points,
    }
    # As in `SyntheticScene.save`: the error of a full disk must be an OSError.
    (paths.root / "truth.safetensors").write_bytes(save(arrays))
    truth.scene.save(paths.root / "scene.safetensors")


def make_synthetic(
    root: Path,
    seconds: float = 20.0,
    size: int = 192,
    seed: int = 0,
    kinds: Sequence[str] = (),
    report: Report = ignore,
    long_hair: bool = False,
    moving_body: bool = False,
) -> SyntheticTruth:
    """Write a synthetic subject that `load_subject` opens: no person, no download, no video.

    Args:
        root: The subject's folder; made if it is not there.
        seconds: Length of the video that it stands for, at 25 frames a second; 0.4 and more.
        size: Height and width of the frames, pixels; 32 and more.
        seed: Decides everything that is left to chance: same seed, same bytes.
        kinds: Names of the speech features to compute; the default kind if empty.
        report: Called after every frame.
        long_hair: Hair falls over the ears and lies on the shoulders, which the image shows more
            of; otherwise it is short.
        moving_body: Shoulders and chest sway and turn by themselves and carry the head; the image
            shows more of them, too. Otherwise the body stands still.

    Returns:
        Its true poses of head and body (to the camera, metres), landmarks (pixels and metres),
        mouth and blinks (0 open to 1 closed), one row a frame, and what draws it in others.

    Raises:
        MediaError: A file cannot be written.
        SpeechError: A kind is not known, or what it needs is missing.
        SubjectError: Length, size or seed are out of range, or the folder holds a subject that is
            not synthetic.
    """
    from audioplane.speech import DEFAULT_KIND

    _check(seconds, size, seed)
    kinds = tuple(kinds) or (DEFAULT_KIND,)
    try:
        sentence = make_synthetic_sentence(seconds, seed, held_out=False)
        scene = make_scene(sentence, size, seed, long_hair, moving_body)
        source = f"synthetic, seed {seed}" + ", long hair" * long_hair
        source += ", moving body" * moving_body
        return _write(SubjectPaths(Path(root)), _truth(sentence, scene), source, kinds, report)
    except OSError as e:
        raise MediaError(f"the subject {root} cannot be written: {e.strerror or e}") from e


def _check(seconds: float, size: int, seed: int) -> None:
    """Raise `SubjectError` where a number is out of range."""
    if not 0.4 <= seconds < math.inf:
        raise SubjectError(f"seconds={seconds:g}: choose 0.4 or more")
    if size < 32:
        raise SubjectError(f"size={size}: choose 32 or more")
    if seed < 0:
        raise SubjectError(f"seed={seed}: choose 0 or more")


def _check_synthetic(paths: SubjectPaths) -> None:
    """Raise `SubjectError` where a folder holds the subject of a recording."""
    begun = paths.root / "prepare.json"  # by `prepare`, which may have been interrupted
    ours = not (begun.exists() or pose_file(paths).exists())
    if paths.info.exists():
        ours = SubjectInfo.load(paths.info).source.startswith("synthetic, seed ")
    if not ours:
        raise SubjectError(
            f"{paths.root} holds a subject that is not synthetic and would be overwritten: choose "
            "another folder"
        )


def _write(
    paths: SubjectPaths, truth: SyntheticTruth, source: str, kinds: tuple[str, ...], report: Report
) -> SyntheticTruth:
    _check_synthetic(paths)
    paths.make_folders()
    # Written last and removed first: a folder that was left half made does not load.
    for split in ("train", "val"):
        paths.transforms(split).unlink(missing_ok=True)
    # Made of the earlier images and sound, by `complete_subject` or with other kinds.
    for file in (paths.body, paths.expressions, *paths.root.glob("aud*.npy")):
        file.unlink(missing_ok=True)
    scene, waveform = truth.scene, truth.sentence.waveform
    write_image(paths.background, draw_background(scene.size))
    step = Counter(report, "make the subject", len(scene.faces))
    for i, landmarks in enumerate(truth.landmarks):
        _write_frame(paths, i, scene.draw(i), landmarks)
        step()
    _write_sound(paths, waveform, kinds)
    _write_truth(paths, truth)
    SubjectInfo(
        size=scene.size,
        n_frames=len(scene.faces),
        feature_kinds=kinds,
        source=source,
        source_sha256=hashlib.sha256(waveform.tobytes()).hexdigest(),
        consent="drawn; no person",
        tools={"audioplane": audioplane.__version__},
    ).save(paths.info)
    _write_splits(paths, truth, scene.size)
    return truth
