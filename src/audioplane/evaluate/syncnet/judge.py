"""SyncNet with the landmarker that finds its faces, or the reason why there is none."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane.evaluate.syncnet.network import SyncNet
from audioplane.evaluate.syncnet.scores import SyncScores, sync_scores
from audioplane.evaluate.syncnet.tracks import Image, find_shots
from audioplane.face.finder import FaceFinder
from audioplane.face.landmarker import Landmarker

NO_SYNCNET = "needs the authors' weights (55 MB), which were not given (docs/evaluation.md)"
NO_LANDMARKER = "needs face_landmarker.task, which is not on this machine"
SYNCNET_NOTE = (
    "SyncNet: the authors' pipeline with MediaPipe's face box in place of S3FD's and without "
    "re-encoding"
)


@dataclass(frozen=True)
class SyncJudge:
    """What SyncNet needs; without it there are no scores, but a reason."""

    network: SyncNet | None
    """With the authors' weights."""
    landmarker: Path | None
    """MediaPipe's `face_landmarker.task`."""

    @property
    def missing(self) -> str:
        """Why it cannot judge; empty where it can."""
        if self.network is None:
            return NO_SYNCNET
        return "" if self.landmarker else NO_LANDMARKER

    def score(
        self,
        images: Callable[[], Iterable[Image]],
        sound: Float32[np.ndarray, " n"],
        step: Callable[[int], None],
        breaks: Sequence[int] = (),
    ) -> SyncScores:
        """Scores of images with their sound.

        Args:
            images: Returns the images from the start, 25 a second.
            sound: At 16 kHz, from the first image on.
            step: Called with the number of images searched or embedded, each twice in the end.
            breaks: Images that begin a new shot, besides the cuts that are detected.
        """
        if self.network is None or self.landmarker is None:
            return SyncScores(empty=self.missing)

        def counted() -> Iterable[Image]:
            for image in images():
                step(1)
                yield image

        with Landmarker(self.landmarker, max_faces=4) as faces:
            shots = find_shots(counted(), FaceFinder(faces))
        shots = replace(shots, cuts=tuple(sorted({*shots.cuts, *breaks})))
        return sync_scores(images, sound, shots, self.network, step)
