"""Scores videos of any system against one ground truth, by one protocol.

Every video is looked through once; then pairs of pictures pass, one at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audioplane.errors import ComparisonError
from audioplane.evaluate.report import ScoreReport
from audioplane.evaluate.scores.action_units import read_openface
from audioplane.evaluate.syncnet import NO_SYNCNET, SyncNet, SyncScores
from audioplane.evaluate.tools import NO_LPIPS, Perceptual
from audioplane.experiments.compare.align import Alignment, align, common_span
from audioplane.experiments.compare.look import FPS, Look, look
from audioplane.experiments.compare.pair import Example, Pair
from audioplane.experiments.compare.published import Published, published
from audioplane.face.landmarker import Landmarker
from audioplane.media.video import probe_video

Tell = Callable[[str, int, int], None]
"""What is done, how many frames of it, of how many (0: not known)."""
_TRUTH = "the ground truth"


@dataclass(frozen=True)
class Tools:
    """What the scores are computed with; None leaves their cells empty."""

    landmarker: Path
    """MediaPipe's face_landmarker.task."""
    lpips: Perceptual | None = None
    syncnet: SyncNet | None = None


@dataclass(frozen=True)
class Entry:
    """One video, aligned and scored."""

    name: str
    look: Look
    alignment: Alignment
    report: ScoreReport
    examples: tuple[Example, ...]
    published: Published | None
    """What the paper reports of a method of this name."""


@dataclass(frozen=True)
class Comparison:
    """All videos against their ground truth."""

    truth: Look
    first: int
    """First frame of the truth that was scored."""
    last: int
    """The frame behind the last."""
    syncnet: SyncScores
    """Of the truth."""
    entries: tuple[Entry, ...]


def compare_videos(
    truth: Path,
    videos: Sequence[tuple[str, Path]],
    tools: Tools,
    openface: Sequence[Path] = (),
    tell: Tell = lambda what, done, total: None,
) -> Comparison:
    """Align and score videos.

    Args:
        truth: The recording.
        videos: Name and file of each.
        tools: What the scores are computed with.
        openface: OpenFace's csv of the truth and of each video, for AUE.
        tell: Receives the progress.

    Raises:
        ComparisonError: There is nothing to compare, or a video shows something else.
        MediaError: A file cannot be read.
    """
    if not videos:
        raise ComparisonError("nothing to compare: give the ground truth and at least one video")
    if openface and len(openface) != len(videos) + 1:
        raise ComparisonError(
            f"{len(openface)} OpenFace tables for {len(videos) + 1} videos: give one of each, "
            "the ground truth's first"
        )
    tables = [read_openface(path, FPS) for path in openface]
    for path in (truth, *(path for _, path in videos)):
        probe_video(path)  # a wrong name fails now, not after a long look at the others
    original = _look(_TRUTH, truth, tools, tell)
    seen: list[tuple[Look, Alignment]] = []
    for name, path in videos:
        shown = _look(name, path, tools, tell)
        seen.append((shown, align(shown, original)))
    span = common_span(original, seen)
    itself = Pair(original, original, Alignment(1.0, 0, "start", 1.0, 0.0), *span)
    true_sync = _sync(_TRUTH, itself, tools, tell)
    entries = []
    for i, ((name, _), (shown, alignment)) in enumerate(zip(videos, seen, strict=True)):
        pair = Pair(original, shown, alignment, *span)
        frames, examples = pair.pictures(
            tools.lpips, lambda n, name=name: tell(f"score {name}", n, span[1] - span[0])
        )
        report = ScoreReport(
            frames,
            pair.lips(),
            {} if tools.lpips else {"lpips": NO_LPIPS},
            syncnet=_sync(name, pair, tools, tell),
            true_syncnet=true_sync,
            expression=pair.expression((tables[i + 1], tables[0]) if tables else None),
        )
        entries.append(Entry(name, shown, alignment, report, examples, published(name)))
    return Comparison(original, *span, true_sync, tuple(entries))


def _look(name: str, path: Path, tools: Tools, tell: Tell) -> Look:
    what = f"look at {name}"
    with Landmarker(tools.landmarker, max_faces=4) as landmarker:
        shown = look(path, landmarker, lambda n: tell(what, n, 0))
    tell(what, len(shown), len(shown))
    return shown


def _sync(name: str, pair: Pair, tools: Tools, tell: Tell) -> SyncScores:
    if tools.syncnet is None:
        return SyncScores(empty=NO_SYNCNET)
    what, done = f"SyncNet on {name}", 0

    def step(n: int) -> None:
        nonlocal done
        done += n
        tell(what, done, len(pair))

    scores = pair.sync(tools.syncnet, step)
    tell(what, len(pair), len(pair))
    return scores
