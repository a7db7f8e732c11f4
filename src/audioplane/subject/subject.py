"""The typed loader of a subject folder. Frames are decoded when they are asked for."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from audioplane.errors import SubjectError
from audioplane.media.image import read_image
from audioplane.subject.info import SubjectInfo
from audioplane.subject.labels import head_mask, read_labels
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.track import Track
from audioplane.subject.transforms import FrameRef, Split, read_split

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
        return hashlib.sha256(self.paths.transforms("train").read_bytes()).hexdigest()

    @cached_property
    def track(self) -> Track | None:
        """The tracker's rows; None where a peer made the folder."""
        return Track.load(self.paths.track) if self.paths.track.exists() else None

    def blink(self, ref: FrameRef) -> Float[np.ndarray, "2"]:
        """Eye closure of a frame, 0 open to 1 closed, image-left eye first; open where unknown."""
        if self.track is None or ref.img_id >= len(self.track.blink):
            return np.zeros(2, np.float32)
        return self.track.blink[ref.img_id]

    def features(self, kind: str) -> Float[np.ndarray, "t w f"]:
        """Speech features, one row an `aud_id`. Raises `SubjectError` if they are not here."""
        path = self.paths.features(kind)
        try:
            features = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as e:
            here = sorted(p.stem[4:] for p in self.paths.root.glob("aud_*.npy"))
            raise SubjectError(
                f"{path} cannot be read ({e}): choose --speech among what is here "
                f"({', '.join(here) or 'nothing'}), or prepare again with --speech {kind}"
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
        """Decode the pictures of one frame. Raises `MediaError` if one is missing or damaged."""
        i = ref.img_id
        return SubjectFrame(
            image=read_image(self.paths.image(i)),
            head=head_mask(read_labels(read_image(self.paths.parsing(i)))),
            landmarks=self.landmarks(ref),
        )

    def plate(self, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
        """Torso over background of one frame: what lies behind its head."""
        torso = read_image(self.paths.torso(ref.img_id), channels=4)
        alpha = torso[..., 3:].astype(np.uint16)
        over = torso[..., :3] * alpha + self.background * (255 - alpha)
        return ((over + 127) // 255).astype(np.uint8)

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


def _usable(split: Split, paths: SubjectPaths) -> tuple[FrameRef, ...]:
    """Frames of a split whose files are all there, by `img_id`."""
    return tuple(
        f
        for f in sorted(split.frames, key=lambda f: f.img_id)
        if all(
            name(f.img_id).exists()
            for name in (paths.image, paths.landmarks, paths.parsing, paths.torso)
        )
    )


def load_subject(root: Path) -> Subject:
    """Open a subject folder, ours or a peer's.

    Raises `SubjectError` where it is no subject, of another version, or has no usable frame.
    """
    paths = SubjectPaths(Path(root))
    if not paths.root.is_dir():
        raise SubjectError(f"{root} is not a folder: prepare a video first")
    splits = {name: read_split(paths.transforms(name)) for name in ("train", "val")}
    train, val = (_usable(s, paths) for s in splits.values())
    if not train:
        raise SubjectError(f"{root} has no usable training frame")
    background = read_image(paths.background)
    if paths.info.exists():
        info = SubjectInfo.load(paths.info)
    else:
        info = SubjectInfo(size=background.shape[0], n_frames=len(train) + len(val))
    first = splits["train"]
    K = np.array([[first.focal, 0, first.cx], [0, first.focal, first.cy], [0, 0, 1]])
    return Subject(paths, info, train, val, K, background)
