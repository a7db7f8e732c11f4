"""The choice of mouth reader: MediaPipe's landmarker if it reads the face, else `MouthReader`."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, UInt8

from audioplane.assets import find_model
from audioplane.clock import spread_over
from audioplane.evaluate.mouth.reader import MouthReader
from audioplane.evaluate.scores.lips import MouthTrack, correlation
from audioplane.face.regions import mouth_aperture
from audioplane.media.image import read_image
from audioplane.subject import FrameRef, Subject

if TYPE_CHECKING:
    from audioplane.face.landmarker import Landmarker

TRIAL_FRAMES = 30
"""Training frames, evenly spread, that MediaPipe is tried on before it is trusted."""
TRUST = 0.7
"""Least correlation of its aperture with the subject's own landmarks there: MediaPipe finds a face
in almost any drawing, without reading its mouth."""


@dataclass(frozen=True)
class SeenMouth:
    """The mouth of one image."""

    aperture: float
    landmarks: Float[np.ndarray, "20 2"]
    """Landmarks 48–67, pixels."""
    blendshapes: Float32[np.ndarray, "52"] | None = None
    """Of the whole face, `face.landmarker.BLENDSHAPES`; None where the view has none."""


@runtime_checkable
class MouthView(Protocol):
    """Looks at the images of one sequence after another, each in order."""

    def restart(self) -> None:
        """Another sequence begins."""
        ...

    def see(self, image: UInt8[np.ndarray, "h w 3"], ref: FrameRef) -> SeenMouth | None:
        """The mouth of the next image; None where it is not found."""
        ...


@dataclass(frozen=True)
class MouthViews:
    """Two views of one kind, so that render and ground truth are read alike."""

    name: str
    rendered: MouthView
    true: MouthView


@dataclass(frozen=True)
class ReaderView:
    """A `MouthReader` as a view."""

    reader: MouthReader

    def restart(self) -> None:
        """Nothing is kept from image to image."""

    def see(self, image: UInt8[np.ndarray, "h w 3"], ref: FrameRef) -> SeenMouth | None:
        track = self.reader.read([image], [ref])
        return SeenMouth(float(track.aperture[0]), track.landmarks[0])


@dataclass(frozen=True)
class LandmarkerView:
    """MediaPipe's landmarker as a view; follows the face from image to image."""

    landmarker: "Landmarker"

    def restart(self) -> None:
        """Forget the face that was followed."""
        self.landmarker.restart()

    def see(self, image: UInt8[np.ndarray, "h w 3"], ref: FrameRef) -> SeenMouth | None:
        from audioplane.face.landmarker import to_68

        faces = self.landmarker.detect(image)
        if not faces:
            return None
        points = to_68(faces[0].points)
        return SeenMouth(float(mouth_aperture(points)), points[48:68], faces[0].blendshapes)


@contextmanager
def open_mouth_views(subject: Subject, landmarker: Path | None = None) -> Iterator[MouthViews]:
    """The best views that this subject and machine have.

    Args:
        subject: Whose held-out frames will be looked at.
        landmarker: MediaPipe's `face_landmarker.task`; None looks where model files are kept.

    Raises:
        ModelError: `landmarker` is not a file.
        SubjectError: There is no landmarker, and too few training frames to fit a reader.
    """
    from audioplane.face.landmarker import FACE_LANDMARKER, Landmarker

    model = find_model(FACE_LANDMARKER, landmarker)
    if model is not None and _reads_the_face(model, subject):
        with ExitStack() as stack:
            views = [
                LandmarkerView(stack.enter_context(Landmarker(model, follow=True)))
                for _ in range(2)
            ]
            yield MouthViews("MediaPipe FaceLandmarker", *views)
    else:
        view = ReaderView(MouthReader.fit(subject))
        yield MouthViews(MouthReader.name, view, view)


def _reads_the_face(model: Path, subject: Subject) -> bool:
    from audioplane.face.landmarker import Landmarker

    refs = [subject.train[i] for i in spread_over(len(subject.train), TRIAL_FRAMES)]
    with Landmarker(model) as single:
        view = LandmarkerView(single)
        seen = [view.see(read_image(subject.paths.image(r.img_id)), r) for r in refs]
    read = np.array([m.aperture for m in seen if m is not None])
    if len(read) < len(refs):
        return False
    known = mouth_aperture(np.stack([subject.landmarks(r) for r in refs]))
    return correlation(read, known.astype(np.float64)) >= TRUST


def mouth_track(mouths: Sequence[SeenMouth | None]) -> MouthTrack:
    """Gather what a view saw over T images."""
    unseen = SeenMouth(0.0, np.zeros((20, 2)))
    kept = [m or unseen for m in mouths]
    return MouthTrack(
        np.array([m.aperture for m in kept]),
        np.array([m.landmarks for m in kept], np.float64).reshape(-1, 20, 2),
        np.array([m is not None for m in mouths], bool),
    )
