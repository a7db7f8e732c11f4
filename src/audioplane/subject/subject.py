"""The typed loader of a subject folder. Frames are decoded on demand."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from audioplane.clock import FPS
from audioplane.errors import SpeechError, SubjectError
from audioplane.media.image import read_image
from audioplane.speech.external import load_external_features
from audioplane.speech.kinds import feature_files, kinds_in
from audioplane.subject.action_units import BlinkTable, read_blinks, read_expressions
from audioplane.subject.body import load_body, reference_row
from audioplane.subject.expression import (
    BLINK,
    controls,
    load_expressions,
    without_gaps,
)
from audioplane.subject.info import SubjectInfo
from audioplane.subject.labels import head_mask, person_mask, read_labels
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.poses import pose_file, read_poses
from audioplane.subject.torso import over, torso_below_head
from audioplane.subject.track import Track
from audioplane.subject.transforms import FrameRef, Split

_MISSING_ROWS = 5
"""Rows by which a file of prior work may be short: some lack the last one."""
_MOST_ROWS = 1.05
"""Rows for each frame, and a second's more, beyond which features are of another rate."""
_FARTHEST_LANDMARK = 3
"""Bound on landmarks, image sizes from the corner: hidden points may lie a little outside."""


@dataclass(frozen=True)
class SubjectFrame:
    """The images of one frame."""

    image: UInt8[np.ndarray, "h w 3"]
    """The person over the background, which a head has to reproduce."""
    head: Bool[np.ndarray, "h w"]
    """Pixels of the head."""
    landmarks: Float[np.ndarray, "68 2"]
    """iBUG landmarks, pixels."""


@dataclass(frozen=True)
class Subject:
    """One prepared person. `load_subject` makes it."""

    paths: SubjectPaths
    info: SubjectInfo
    train: tuple[FrameRef, ...]
    """First 10/11 of the usable frames."""
    val: tuple[FrameRef, ...]
    """The held-out rest."""
    K: Float[np.ndarray, "3 3"]
    """Camera intrinsics, pixels."""
    background: UInt8[np.ndarray, "h w 3"]
    posed: int = 0
    """Frames that have a pose, in both splits; some may lack another file."""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Missing files of those frames, by content; such frames are left out."""

    @cached_property
    def identity(self) -> str:
        """Identity of the subject, wherever its folder is: a digest of its training cameras."""
        return hashlib.sha256(pose_file(self.paths).read_bytes()).hexdigest()

    @property
    def track(self) -> Track | None:
        """The tracker's rows, read anew; None where there are none, as in prior work's folders.

        Raises `SubjectError` where the file is damaged or does not reach the last frame.
        """
        if not self.paths.track.exists():
            return None
        track = Track.load(self.paths.track)
        self._require_rows(self.paths.track, len(track.valid), self._last_frame + 1)
        return track

    @property
    def _last_frame(self) -> int:
        return max(ref.img_id for ref in (*self.train, *self.val))

    def _require_rows(self, path: Path, rows: int, needed: int) -> None:
        if rows < needed:
            raise SubjectError(
                f"{path} has {rows} rows, the subject's frames need {needed}: write it again"
            )

    @cached_property
    def blink_table(self) -> BlinkTable | None:
        """OpenFace's blinks, which are used where there is no `track`; None without a table.

        Raises `SubjectError` where the file is damaged or ends long before the last frame.
        """
        if not self.paths.action_units.exists():
            return None
        table = read_blinks(self.paths.action_units)
        needed = self._last_frame + 1 - _MISSING_ROWS
        self._require_rows(self.paths.action_units, len(table.closed), needed)
        return table

    @cached_property
    def _blinks(self) -> Float[np.ndarray, "n 2"]:
        if (track := self.track) is not None:
            return track.blink.copy()  # without the landmarks: 170 MB for half an hour
        if self.blink_table is not None:
            return np.stack([self.blink_table.closed] * 2, axis=1)
        return np.zeros((0, 2), np.float32)

    def blink(self, ref: FrameRef) -> Float[np.ndarray, "2"]:
        """Eye closure of a frame, 0 open to 1 closed, image-left eye first; open where unknown.

        Raises `SubjectError` where its file is damaged or too short.
        """
        if ref.img_id >= len(self._blinks):
            return np.zeros(2, np.float32)
        return self._blinks[ref.img_id]

    @cached_property
    def _expressions(self) -> Float32[np.ndarray, "n 8"] | None:
        paths = self.paths
        if paths.expressions.exists():
            rows = load_expressions(paths.expressions)
            self._require_rows(paths.expressions, len(rows), self._last_frame + 1)
        elif paths.action_units.exists():
            rows = read_expressions(paths.action_units)
            if rows is not None:
                needed = self._last_frame + 1 - _MISSING_ROWS
                self._require_rows(paths.action_units, len(rows), needed)
        else:
            rows = None
        return None if rows is None else controls(without_gaps(rows))

    @property
    def has_expression(self) -> bool:
        """Whether more than blinks is known of the upper face. Raises as `expression` does."""
        return self._expressions is not None

    def expression(self, ref: FrameRef) -> Float32[np.ndarray, "8"]:
        """The expression of the upper face in a frame, as `CONTROLS` names its numbers.

        Raises `SubjectError` where it is not known, or its file is damaged or too short.
        """
        if self._expressions is None:
            raise SubjectError(
                f"{self.paths.expressions} is missing: prepare the video again, or train with "
                "blinks alone"
            )
        return self._expressions[min(ref.img_id, len(self._expressions) - 1)]

    def expression_of(self, ref: FrameRef, numbers: int) -> Float[np.ndarray, " e"]:
        """The expression of a frame for a head that takes so many numbers: `blink` where it takes
        two, else `expression`. Raises as they do."""
        return self.blink(ref) if numbers == BLINK else self.expression(ref)

    @cached_property
    def _body(self) -> Float[np.ndarray, "n 4 4"] | None:
        if not self.paths.body.exists():
            return None
        body = load_body(self.paths.body)
        self._require_rows(self.paths.body, len(body), self._last_frame + 1)
        return body

    def body(self, ref: FrameRef) -> Float[np.ndarray, "4 4"] | None:
        """The torso's rigid motion C since the reference frame, in camera coordinates, metres.

        A point that the head's world had at x in the reference frame, and that moves with the
        torso, is at C · `body_reference` · x before the camera, and so at V⁻¹ C `body_reference` x
        in the head's world of a frame whose view is V.

        None where the subject has no `body.npy` (`prepare` writes it today, prior work does not).
        Raises `SubjectError` where the file is damaged or lacks the frame.
        """
        if self._body is None:
            return None
        motion = self._body[ref.img_id]
        if np.isnan(motion).any():
            raise SubjectError(
                f"{self.paths.body} lacks frame {ref.img_id}: delete it, and it is made again"
            )
        return motion

    @cached_property
    def body_reference(self) -> Float[np.ndarray, "4 4"] | None:
        """View of the frame that `body` counts from, world→camera; None without `body.npy`.

        Raises `SubjectError` where that frame can no longer be used.
        """
        if self._body is None:
            return None
        row = reference_row(self._body)
        view = next((f.viewmat for f in (*self.train, *self.val) if f.img_id == row), None)
        if view is None:
            raise SubjectError(
                f"{self.paths.body} counts from frame {row}, which is left out: delete it, and it "
                "is made again"
            )
        return view

    def body_view(self, ref: FrameRef) -> Float[np.ndarray, "4 4"]:
        """The body's view matrix in a frame: it takes a body point, where the head's world had it
        in the reference frame, to the camera.

        Raises `SubjectError` where the body was not tracked.
        """
        motion, reference = self.body(ref), self.body_reference
        if motion is None or reference is None:
            raise SubjectError(
                f"{self.paths.root} has no {self.paths.body.name}, the body's motion: prepare it "
                "again, or train with the recorded torso"
            )
        return motion @ reference

    @property
    def rows(self) -> int:
        """Rows that speech features of this subject have: one for each frame of its video."""
        needed = max(ref.aud_id for ref in (*self.train, *self.val)) + 1
        return max(self.info.n_frames, needed)

    def kinds(self) -> list[str]:
        """Names of the speech features in the folder, as `features` takes them."""
        return kinds_in([path.name for path in self.paths.root.glob("aud*.npy")])

    def features(self, kind: str) -> Float[np.ndarray, "t w f"]:
        """Speech features, one row an `aud_id`. Raises `SubjectError` if they are not here."""
        paths = [self.paths.root / name for name in feature_files(kind)]
        path = next((p for p in paths if p.exists()), paths[0])
        if not path.exists():
            raise SubjectError(
                f"{path} is missing: choose --speech among what is here "
                f"({', '.join(self.kinds()) or 'nothing'}), or add it: audioplane speech "
                f"{self.paths.root} --kind {kind}"
            )
        try:
            features = load_external_features(path)
        except SpeechError as e:
            raise SubjectError(str(e)) from e
        needed = max(ref.aud_id for ref in (*self.train, *self.val)) + 1
        self._require_rows(path, len(features), needed - _MISSING_ROWS)
        video = max(self.rows, self.posed)
        if len(features) > _MOST_ROWS * video + FPS:
            raise SubjectError(
                f"{path} has {len(features)} rows, the subject's video {video} frames: are they "
                f"not {FPS} rows a second? Compute the features again"
            )
        return features

    def frame(self, ref: FrameRef) -> SubjectFrame:
        """Decode the images of one frame.

        Raises `MediaError` if one is missing or damaged, `SubjectError` if it is of another size
        than the background, as the next three do.
        """
        return SubjectFrame(
            image=self.image(ref), head=head_mask(self.labels(ref)), landmarks=self.landmarks(ref)
        )

    def image(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        """The person over the background. Raises `MediaError`."""
        return self._read(frame_files(self.paths, ref.img_id)["image"])

    def labels(self, ref: FrameRef) -> UInt8[np.ndarray, "h w"]:
        """The `Label` value of each pixel. Raises `MediaError`."""
        return read_labels(self._read(self.paths.parsing(ref.img_id)))

    def alpha(self, ref: FrameRef) -> UInt8[np.ndarray, "h w"]:
        """How much of the background the person hides, 0 to 255; of their mask where it is not
        stored, as in prior work. Raises `MediaError`."""
        path = self.paths.alpha(ref.img_id)
        if path.exists():
            return self._read(path, channels=1)[..., 0]
        return 255 * person_mask(self.labels(ref)).astype(np.uint8)

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"]:
        """Neck and torso of one frame, RGBA; made from image and labels where it is not stored."""
        path = self.paths.torso(ref.img_id)
        if path.exists():
            return self._read(path, channels=4)
        return torso_below_head(self.image(ref), self.labels(ref))

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        """Torso over background of one frame, behind its head."""
        return over(self.torso(ref), self.background)

    def _read(self, path: Path, channels: int = 3) -> UInt8[np.ndarray, "h w c"]:
        image = read_image(path, channels)
        (height, width), size = image.shape[:2], self.background.shape[:2]
        if (height, width) != size:
            raise SubjectError(
                f"{path} has {width} x {height} pixels, {self.paths.background.name} "
                f"{size[1]} x {size[0]}: all images of a subject are of one size"
            )
        return image

    def landmarks(self, ref: FrameRef) -> Float[np.ndarray, "68 2"]:
        """The 68 landmarks of one frame, pixels."""
        path = self.paths.landmarks(ref.img_id)
        try:
            numbers = np.array(path.read_text().split(), np.float32)
        except (OSError, ValueError) as e:
            raise SubjectError(f"{path} cannot be read ({e}): make the landmarks again") from e
        if numbers.size != 2 * 68:
            raise SubjectError(
                f"{path} holds {numbers.size} numbers, expected 68 rows of x y: make the landmarks "
                "again"
            )
        largest = _FARTHEST_LANDMARK * max(self.background.shape)
        if not (np.abs(numbers) <= largest).all():  # NaN is not
            raise SubjectError(
                f"{path} holds points that are not finite or far outside the image: make the "
                "landmarks again, or delete it and its frame is left out"
            )
        return numbers.reshape(68, 2)


def frame_files(paths: SubjectPaths, i: int) -> dict[str, Path]:
    """The files that a frame must have."""
    image = paths.image(i)
    if not image.exists() and paths.composed(i).exists():  # AD-NeRF's name of it
        image = paths.composed(i)
    return {"image": image, "landmarks": paths.landmarks(i), "mask": paths.parsing(i)}


def _without_files(splits: tuple[Split, ...], paths: SubjectPaths) -> dict[str, dict[int, str]]:
    """Missing files of the frames that have a pose, by content and by `img_id`."""
    missing: dict[str, dict[int, str]] = {}
    for i in sorted(frame.img_id for split in splits for frame in split.frames):
        for what, path in frame_files(paths, i).items():
            if not path.exists():
                missing.setdefault(what, {})[i] = str(path.relative_to(paths.root))
    return missing


def list_names(names: Collection[str], most: int = 3) -> str:
    """The first few of many names."""
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join([*list(names)[:most], *more])


def load_subject(path: Path | str) -> Subject:
    """Open the folder of a subject, prepared here or by prior work of the AD-NeRF family.

    The poses of all frames and the background are read and checked; images, landmarks, masks and
    features are read on demand, and checked by `check_subject`.

    Args:
        path: The folder, as `prepare` writes it or as docs/prior-work.md lists.

    Returns:
        The subject: frames that have all their files, the first 10/11 of them in `train`; poses as
        world→camera in OpenCV axes and metres, intrinsics in pixels.

    Raises:
        SubjectError: It is no such folder, of another format version, a file of it is damaged (the
            message names file and frame), or no training frame has all its files.
        MediaError: The background image cannot be read.
    """
    paths = SubjectPaths(Path(path))
    if not paths.root.is_dir():
        raise SubjectError(f"{path} is not a folder: prepare a video first")
    if not pose_file(paths).exists():
        raise SubjectError(f"{pose_file(paths)} is missing: is this a prepared subject?")
    background = read_image(paths.background)
    height, width = background.shape[:2]
    splits = read_poses(paths, (width, height))
    missing = _without_files(splits, paths)
    left_out = {i for files in missing.values() for i in files}
    train, val = (
        tuple(sorted((f for f in s.frames if f.img_id not in left_out), key=lambda f: f.img_id))
        for s in splits
    )
    names = {what: tuple(files.values()) for what, files in missing.items()}
    posed = sum(len(split.frames) for split in splits)
    if not train:
        lacking = "; ".join(
            f"{len(files)} lack their {what} ({list_names(files)})" for what, files in names.items()
        )
        raise SubjectError(
            f"{path} has no usable training frame: of {posed} frames with a pose "
            f"{lacking or 'none is for training'}; put the files there, or prepare the video again"
        )
    if paths.info.exists():
        info = SubjectInfo.load(paths.info)
        if info.size != height:
            raise SubjectError(
                f"{paths.info} states frames of {info.size} pixels, {paths.background.name} has "
                f"{height}: prepare the video again"
            )
    else:
        info = SubjectInfo(size=height, n_frames=len(train) + len(val))
    first = splits[0]
    K = np.array([[first.focal, 0, first.cx], [0, first.focal, first.cy], [0, 0, 1]])
    return Subject(paths, info, train, val, K, background, posed, names)
