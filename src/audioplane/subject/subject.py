"""The typed loader of a subject folder. Frames are decoded when they are asked for."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from audioplane.errors import SubjectError
from audioplane.media.image import read_image
from audioplane.speech.kinds import feature_files, kinds_in
from audioplane.subject.action_units import read_blinks
from audioplane.subject.info import SubjectInfo
from audioplane.subject.labels import head_mask, read_labels
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.poses import pose_file, read_poses
from audioplane.subject.torso import over, torso_below_head
from audioplane.subject.track import Track
from audioplane.subject.transforms import FrameRef, Split

_MISSING_ROWS = 5
"""Rows by which features may be short: some subjects of the peers lack the last one."""


@dataclass(frozen=True)
class SubjectFrame:
    """The pictures of one frame."""

    image: UInt8[np.ndarray, "h w 3"]
    """The person before the background plate: what a head has to reproduce."""
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

    @cached_property
    def identity(self) -> str:
        """What tells this subject from others, wherever its folder lies: its training cameras."""
        return hashlib.sha256(pose_file(self.paths).read_bytes()).hexdigest()

    @cached_property
    def track(self) -> Track | None:
        """The tracker's rows; None where a peer made the folder."""
        return Track.load(self.paths.track) if self.paths.track.exists() else None

    @cached_property
    def _blinks(self) -> Float[np.ndarray, "n 2"]:
        if self.track is not None:
            return self.track.blink
        if self.paths.action_units.exists():
            return np.stack([read_blinks(self.paths.action_units)] * 2, axis=1)
        return np.zeros((0, 2), np.float32)

    def blink(self, ref: FrameRef) -> Float[np.ndarray, "2"]:
        """Eye closure of a frame, 0 open to 1 closed, image-left eye first; open where unknown.

        Raises `SubjectError` where the file that knows it is damaged.
        """
        if ref.img_id >= len(self._blinks):
            return np.zeros(2, np.float32)
        return self._blinks[ref.img_id]

    @property
    def rows(self) -> int:
        """Rows that speech features of this subject have: one for each frame of its video."""
        needed = max(ref.aud_id for ref in (*self.train, *self.val)) + 1
        return max(self.info.n_frames, needed)

    def kinds(self) -> list[str]:
        """Names of the speech features that lie here, as `features` takes them."""
        return kinds_in([path.name for path in self.paths.root.glob("aud*.npy")])

    def features(self, kind: str) -> Float[np.ndarray, "t w f"]:
        """Speech features, one row an `aud_id`. Raises `SubjectError` if they are not here."""
        paths = [self.paths.root / name for name in feature_files(kind)]
        path = next((p for p in paths if p.exists()), paths[0])
        try:
            features = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as e:
            raise SubjectError(
                f"{path} cannot be read ({e}): choose --speech among what is here "
                f"({', '.join(self.kinds()) or 'nothing'}), or add it: audioplane speech "
                f"{self.paths.root} --kind {kind}"
            ) from e
        if features.ndim != 3 or not len(features):
            raise SubjectError(
                f"{path} has shape {features.shape}, expected [frames, window, features]"
            )
        needed = max(ref.aud_id for ref in (*self.train, *self.val)) + 1
        if len(features) < needed - _MISSING_ROWS:
            raise SubjectError(
                f"{path} has {len(features)} rows, the subject's frames need {needed}"
            )
        if not np.isfinite(features).all():
            raise SubjectError(f"{path} holds numbers that are not finite: make it again")
        return features.astype(np.float32)

    def frame(self, ref: FrameRef) -> SubjectFrame:
        """Decode the pictures of one frame.

        Raises `MediaError` if one is missing or damaged, `SubjectError` if it is of another size
        than the background, as the next three do.
        """
        return SubjectFrame(
            image=self.image(ref), head=head_mask(self.labels(ref)), landmarks=self.landmarks(ref)
        )

    def image(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        """The person before the background plate. Raises `MediaError`."""
        return self._read(_image_path(self.paths, ref.img_id))

    def labels(self, ref: FrameRef) -> UInt8[np.ndarray, "h w"]:
        """What each pixel shows, `Label` by its value. Raises `MediaError`."""
        return read_labels(self._read(self.paths.parsing(ref.img_id)))

    def torso(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 4"]:
        """Neck and torso of one frame, RGBA; made from image and labels where it is not stored."""
        path = self.paths.torso(ref.img_id)
        if path.exists():
            return self._read(path, channels=4)
        return torso_below_head(self.image(ref), self.labels(ref))

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        """Torso over background of one frame: what lies behind its head."""
        return over(self.torso(ref), self.background)

    def _read(self, path: Path, channels: int = 3) -> UInt8[np.ndarray, "h w c"]:
        picture = read_image(path, channels)
        (height, width), size = picture.shape[:2], self.background.shape[:2]
        if (height, width) != size:
            raise SubjectError(
                f"{path} has {width} x {height} pixels, {self.paths.background.name} "
                f"{size[1]} x {size[0]}: all pictures of a subject are of one size"
            )
        return picture

    def landmarks(self, ref: FrameRef) -> Float[np.ndarray, "68 2"]:
        """The 68 landmarks of one frame, pixels."""
        path = self.paths.landmarks(ref.img_id)
        try:
            points = np.loadtxt(path, dtype=np.float32)
        except (OSError, ValueError) as e:
            raise SubjectError(f"{path} cannot be read: {e}") from e
        if points.shape != (68, 2):
            raise SubjectError(f"{path} holds {points.shape} numbers, expected 68 rows of x y")
        return points


def _image_path(paths: SubjectPaths, i: int) -> Path:
    """A frame's picture; AD-NeRF keeps it under another name."""
    path = paths.image(i)
    return path if path.exists() else paths.composed(i)


def _usable(split: Split, paths: SubjectPaths) -> tuple[FrameRef, ...]:
    """Frames of a split whose files are all there, by `img_id`."""
    return tuple(
        f
        for f in sorted(split.frames, key=lambda f: f.img_id)
        if _image_path(paths, f.img_id).exists()
        and paths.landmarks(f.img_id).exists()
        and paths.parsing(f.img_id).exists()
    )


def load_subject(root: Path) -> Subject:
    """Open a subject folder, ours or a peer's.

    Raises `SubjectError` where it is no subject, of another version, or has no usable frame.
    """
    paths = SubjectPaths(Path(root))
    if not paths.root.is_dir():
        raise SubjectError(f"{root} is not a folder: prepare a video first")
    if not pose_file(paths).exists():
        raise SubjectError(f"{pose_file(paths)} is missing: is this a prepared subject?")
    background = read_image(paths.background)
    height, width = background.shape[:2]
    splits = read_poses(paths, (width, height))
    train, val = (_usable(split, paths) for split in splits)
    if not train:
        raise SubjectError(f"{root} has no usable training frame")
    if paths.info.exists():
        info = SubjectInfo.load(paths.info)
    else:
        info = SubjectInfo(size=height, n_frames=len(train) + len(val))
    first = splits[0]
    K = np.array([[first.focal, 0, first.cx], [0, first.focal, first.cy], [0, 0, 1]])
    return Subject(paths, info, train, val, K, background)
