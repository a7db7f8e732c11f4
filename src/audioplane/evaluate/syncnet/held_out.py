"""SyncNet on frames of a subject: what a head drew, or the recording."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from audioplane.evaluate.sound import sound_of
from audioplane.evaluate.syncnet.network import SyncNet
from audioplane.evaluate.syncnet.scores import TOO_LITTLE, SyncScores, sync_scores
from audioplane.evaluate.syncnet.tracks import MIN_FRAMES, Image, watch
from audioplane.prepare.crop import FaceFinder
from audioplane.prepare.landmarker import Landmarker
from audioplane.subject import FrameRef, Subject

SYNCNET_NOTE = (
    "SyncNet: the authors' pipeline with MediaPipe's face box in place of S3FD's and without "
    "re-encoding"
)


def held_out_sync(
    pictures: Callable[[], Iterable[Image]],
    subject: Subject,
    refs: Sequence[FrameRef],
    landmarker: Path,
    network: SyncNet,
    tell: Callable[[int], None],
) -> SyncScores:
    """Scores of pictures that show the frames `refs`, with what is heard there.

    Args:
        pictures: Gives them from the start, one for each of `refs`.
        subject: Whose frames they are.
        refs: Where some are missing between two, a new shot begins.
        landmarker: MediaPipe's `face_landmarker.task`.
        network: With the authors' weights.
        tell: Called with the number of pictures watched or embedded, each twice in the end.

    Raises `MediaError` if the subject's sound cannot be read.
    """
    sound = sound_of(subject, refs)
    if sound is None:
        return SyncScores(empty="the subject's folder holds no aud.wav")
    if len(refs) <= MIN_FRAMES:
        return SyncScores(empty=TOO_LITTLE)

    def told() -> Iterable[Image]:
        for picture in pictures():
            tell(1)
            yield picture

    with Landmarker(landmarker, max_faces=4) as faces:
        shots = watch(told(), FaceFinder(faces))
    gaps = (i for i in range(1, len(refs)) if refs[i].aud_id != refs[i - 1].aud_id + 1)
    shots = replace(shots, cuts=tuple(sorted({*shots.cuts, *gaps})))
    return sync_scores(pictures, sound, shots, network, tell)
