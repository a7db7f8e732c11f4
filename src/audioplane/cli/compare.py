"""`audioplane compare`: videos of any system against the recording."""

from collections.abc import Sequence
from pathlib import Path

from rich.progress import TaskID

from audioplane.cli.console import progress_bar
from audioplane.compare import (
    Comparison,
    Tools,
    compare_videos,
    comparison_page,
    to_json,
)
from audioplane.errors import ComparisonError, MediaError
from audioplane.evaluate.evaluation import write_text

JSON_NAME, PAGE_NAME = "comparison.json", "comparison.html"


def compare_files(
    videos: Sequence[Path], names: Sequence[str], out: Path, tools: Tools, openface: Sequence[Path]
) -> Comparison:
    """Compare all but the first video with the first, and write both reports into a folder.

    Raises `ComparisonError` if names and videos do not fit or a video shows something else,
    `MediaError` if a file cannot be read or written.
    """
    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None, note="")
            bar.update(tasks[what], completed=done, total=total or None)

        truth, *others = videos
        named = list(zip(named_videos(others, names), others, strict=True))
        comparison = compare_videos(truth, named, tools, openface, tell)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise MediaError(f"{out} cannot be made: {e.strerror}") from e
    write_text(out / JSON_NAME, to_json(comparison))
    write_text(out / PAGE_NAME, comparison_page(comparison))
    return comparison


def named_videos(videos: Sequence[Path], names: Sequence[str]) -> list[str]:
    """A name for each video: the given ones, else those of the files."""
    chosen = list(names) or [video.stem for video in videos]
    if len(chosen) != len(videos):
        raise ComparisonError(
            f"{len(names)} names for {len(videos)} videos: give one for each video after the "
            "ground truth"
        )
    if twice := {name for name in chosen if chosen.count(name) > 1}:
        raise ComparisonError(f"two videos are called {min(twice)}: give each its own with --names")
    return chosen
