"""SyncNet on frames of a subject, rendered or recorded."""

from collections.abc import Callable, Iterable, Sequence

from audioplane.evaluate.scores.sound import sound_of
from audioplane.evaluate.syncnet.judge import SyncJudge
from audioplane.evaluate.syncnet.scores import TOO_LITTLE, SyncScores
from audioplane.evaluate.syncnet.tracks import MIN_FRAMES, Image
from audioplane.subject import FrameRef, Subject


def held_out_sync(
    images: Callable[[], Iterable[Image]],
    subject: Subject,
    refs: Sequence[FrameRef],
    judge: SyncJudge,
    step: Callable[[int], None],
) -> SyncScores:
    """Scores of images that show the frames `refs`, with the sound there.

    Args:
        images: Returns the images from the start, one for each of `refs`.
        subject: Whose frames they are.
        refs: Where some are missing between two, a new shot begins.
        judge: What scores them.
        step: Called with the number of images searched or embedded, each twice in the end.

    Raises `MediaError` if the subject's sound cannot be read.
    """
    if judge.missing:
        return SyncScores(empty=judge.missing)
    sound = sound_of(subject, refs)
    if sound is None:
        return SyncScores(empty="the subject's folder holds no aud.wav")
    if len(refs) <= MIN_FRAMES:
        return SyncScores(empty=TOO_LITTLE)
    gaps = [i for i in range(1, len(refs)) if refs[i].aud_id != refs[i - 1].aud_id + 1]
    return judge.score(images, sound, step, gaps)
