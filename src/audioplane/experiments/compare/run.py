"""A comparison of videos of any system with one ground truth, by one protocol.

Every video is scanned once; then it is scored by pairs of images, one pair at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audioplane.assets import check_output, require_model, write_text
from audioplane.clock import FPS
from audioplane.errors import AudioplaneError, ComparisonError
from audioplane.evaluate import ScoreReport, Tools
from audioplane.evaluate.scores.action_units import read_openface
from audioplane.evaluate.syncnet import NO_SYNCNET, SyncScores
from audioplane.evaluate.tools import NO_LPIPS
from audioplane.experiments.compare.align import (
    MIN_FRAMES,
    Alignment,
    align,
    common_span,
    shortens_most,
)
from audioplane.experiments.compare.comparison import Comparison, Entry
from audioplane.experiments.compare.page import comparison_page
from audioplane.experiments.compare.pair import Pair
from audioplane.experiments.compare.published import published
from audioplane.experiments.compare.report import to_json
from audioplane.experiments.compare.scan import Scan, scan_video
from audioplane.face.landmarker import FACE_LANDMARKER, Landmarker
from audioplane.media.container import require_file
from audioplane.progress import Counter, Progress, Report, ignore

JSON_NAME, PAGE_NAME = "comparison.json", "comparison.html"
_TRUTH = "the ground truth"


@dataclass(frozen=True)
class _Video:
    """One video that can be scored."""

    name: str
    scan: Scan
    alignment: Alignment
    action_units: np.ndarray | None


def compare(
    truth: Path | str,
    videos: Sequence[Path | str],
    *,
    names: Sequence[str] = (),
    out: Path | str | None = None,
    find_tools: Callable[[], Tools] = Tools,
    openface: Sequence[Path | str] = (),
    report: Report | None = None,
) -> Comparison:
    """Align videos with a recording and score them; a video that cannot be scored is left out.

    Args:
        truth: The recording.
        videos: Any files that FFmpeg reads.
        names: One for each video; the files' names if not given. A method of the paper's Table 4
            gets the published figures beside its own.
        out: Folder for `comparison.json` and `comparison.html`; None writes nothing.
        find_tools: Gives the networks behind the scores, asked once all files are there; by default
            scores that need weights stay empty. The landmarker is downloaded where it is not on
            this machine.
        openface: OpenFace's csv of the truth and of each video, for AUE.
        report: Receives the progress, and why a video is left out.

    Returns:
        The scores of each video, and why others have none.

    Raises:
        ComparisonError: There is nothing to compare, names or tables do not fit the videos, or no
            video can be scored.
        MediaError: A video is not there, the recording or a table cannot be read, or `out` cannot
            be written.
        ModelError: The landmarker cannot be had.
    """
    if out is not None:
        check_output(Path(out) / JSON_NAME)
    named = _named([Path(video) for video in videos], names)
    if openface and len(openface) != len(videos) + 1:
        raise ComparisonError(
            f"{len(openface)} OpenFace tables for {len(videos) + 1} videos: give one of each, "
            "the ground truth's first"
        )
    tables = [read_openface(Path(path), FPS) for path in openface]
    for video in (truth, *videos):
        require_file(Path(video))
    tools, report = find_tools(), report or ignore
    tools = replace(tools, landmarker=require_model(FACE_LANDMARKER, tools.landmarker))
    original = _scan(_TRUTH, Path(truth), tools, report)
    found: list[_Video] = []
    failed: dict[str, str] = {}
    for i, (name, path) in enumerate(named.items()):
        try:
            scan = _scan(name, path, tools, report)
            alignment = align(scan, original)
            common_span(original, [(scan, alignment)])
        except AudioplaneError as e:
            _leave_out(name, e, failed, report)
        else:
            found.append(_Video(name, scan, alignment, tables[i + 1] if tables else None))
    if not found:
        raise ComparisonError("; ".join(failed.values()))
    found = _in_common(original, found, failed, report)
    comparison = _score(original, found, tables[0] if tables else None, tools, report)
    comparison = replace(comparison, failed=failed | comparison.failed)
    if out is not None:
        write_text(Path(out) / JSON_NAME, to_json(comparison))
        write_text(Path(out) / PAGE_NAME, comparison_page(comparison))
    return comparison


def _in_common(
    truth: Scan, videos: Sequence[_Video], failed: dict[str, str], report: Report
) -> list[_Video]:
    """The videos without those that leave too few frames which all show."""
    kept = list(videos)
    while True:
        aligned = [(video.scan, video.alignment) for video in kept]
        try:
            common_span(truth, aligned)
            return kept
        except ComparisonError:
            worst = kept.pop(shortens_most(truth, aligned))
            error = ComparisonError(
                f"{worst.scan.path} shows fewer than {MIN_FRAMES} of the frames that the other "
                "videos show: give a longer video, or compare it alone"
            )
            _leave_out(worst.name, error, failed, report)


def _leave_out(name: str, error: AudioplaneError, failed: dict[str, str], report: Report) -> None:
    failed[name] = str(error)
    report(Progress(f"look at {name}", message=f"{name} is left out: {error}"))


def _named(videos: Sequence[Path], names: Sequence[str]) -> dict[str, Path]:
    """The videos by the names given, else by those of the files."""
    if not videos:
        raise ComparisonError("nothing to compare: give the recording and at least one video")
    chosen = list(names) or [video.stem for video in videos]
    if len(chosen) != len(videos):
        raise ComparisonError(
            f"{len(names)} names for {len(videos)} videos: give one for each video after the "
            "ground truth"
        )
    if twice := {name for name in chosen if chosen.count(name) > 1}:
        raise ComparisonError(
            f"two videos are called {min(twice)}: give each its own name (names=…)"
        )
    return dict(zip(chosen, videos, strict=True))


def _scan(name: str, path: Path, tools: Tools, report: Report) -> Scan:
    step = Counter(report, f"look at {name}")
    assert tools.landmarker is not None
    with Landmarker(tools.landmarker, max_faces=4) as landmarker:
        scan = scan_video(path, landmarker, step)
    step.finish()
    return scan


def _score(
    truth: Scan,
    videos: Sequence[_Video],
    true_units: np.ndarray | None,
    tools: Tools,
    report: Report,
) -> Comparison:
    """Scores over the frames that the truth and all videos show."""
    span = common_span(truth, [(video.scan, video.alignment) for video in videos])
    itself = Pair(truth, truth, Alignment(1.0, 0, "start", 1.0, 0.0), *span)
    true_sync = _sync(_TRUTH, itself, tools, report)
    entries: list[Entry] = []
    failed: dict[str, str] = {}
    for video in videos:
        pair = Pair(truth, video.scan, video.alignment, *span)
        try:
            entries.append(_entry(pair, video, true_units, true_sync, tools, report))
        except AudioplaneError as e:
            _leave_out(video.name, e, failed, report)
    if not entries:
        raise ComparisonError("; ".join(failed.values()))
    return Comparison(truth, *span, true_sync, tuple(entries), failed)


def _entry(
    pair: Pair,
    video: _Video,
    true_units: np.ndarray | None,
    true_sync: SyncScores,
    tools: Tools,
    report: Report,
) -> Entry:
    units = None
    if video.action_units is not None and true_units is not None:
        units = (video.action_units, true_units)
    expression = pair.expression(units)
    step = Counter(report, f"score {video.name}", len(pair))
    frames, examples = pair.score_images(tools.perceptual, step)
    scores = ScoreReport(
        frames,
        pair.lips(),
        {} if tools.lpips else {"lpips": NO_LPIPS},
        syncnet=_sync(video.name, pair, tools, report),
        true_syncnet=true_sync,
        expression=expression,
    )
    return Entry(video.name, video.scan, video.alignment, scores, examples, published(video.name))


def _sync(name: str, pair: Pair, tools: Tools, report: Report) -> SyncScores:
    if tools.syncnet is None:
        return SyncScores(empty=NO_SYNCNET)
    step = Counter(report, f"SyncNet on {name}", len(pair))
    scores = pair.sync(tools.syncnet, step)
    step.finish()
    return scores
