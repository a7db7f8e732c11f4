"""SyncNet on pictures that pass by, by whatever is at hand to judge with."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane.evaluate.syncnet.network import SyncNet
from audioplane.evaluate.syncnet.scores import SyncScores, sync_scores
from audioplane.evaluate.syncnet.tracks import Image, watch
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
        pictures: Callable[[], Iterable[Image]],
        sound: Float32[np.ndarray, " n"],
        tell: Callable[[int], None],
        breaks: Sequence[int] = (),
    ) -> SyncScores:
        """Scores of pictures with their sound.

        Args:
            pictures: Gives them from the start, 25 a second.
            sound: At 16 kHz, from the first picture on.
            tell: Called with the number of pictures watched or embedded, each twice in the end.
            breaks: Pictures that begin a new shot, besides the cuts that are seen.
        """
        if self.network is None or self.landmarker is None:
            return SyncScores(empty=self.missing)

        def told() -> Iterable[Image]:
            for picture in pictures():
                tell(1)
                yield picture

        with Landmarker(self.landmarker, max_faces=4) as faces:
            shots = watch(told(), FaceFinder(faces))
        shots = replace(shots, cuts=tuple(sorted({*shots.cuts, *breaks})))
        return sync_scores(pictures, sound, shots, self.network, tell)
