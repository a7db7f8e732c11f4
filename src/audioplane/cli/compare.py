"""`audioplane compare`: videos of any system against the recording."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from audioplane.cli.console import console, output, progress_bar
from audioplane.cli.weights import ScoreWeights
from audioplane.errors import ComparisonError, MediaError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from audioplane.experiments.compare import Comparison, Tools

JSON_NAME, PAGE_NAME = "comparison.json", "comparison.html"


@dataclass(frozen=True)
class Compare:
    """Score videos of any talking-head system against the recording, all by one protocol.

    Length, size, frame rate and offsets of picture and sound are aligned, and it says what was.
    """

    videos: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TRUTH VIDEO [VIDEO ...]")
    ]
    """The recording (ground truth) first, then the videos to be scored."""
    out: Path
    """Folder for comparison.html and comparison.json."""
    names: tuple[str, ...] = ()
    """A name for each video after the first; the files' names if not given. A method of the
    paper's Table 4 (Wav2Lip, ER-NeRF, ours, ...) gets the published figures beside its own."""
    openface: tuple[Path, ...] = ()
    """OpenFace's csv of each video, the recording's first: adds AUE."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up or downloaded if not given."""
    weights: Annotated[ScoreWeights, tyro.conf.arg(name="")] = ScoreWeights()
    json: bool = False
    """Print the comparison as JSON on standard output."""

    def run(self) -> None:
        from audioplane.assets import require_model
        from audioplane.experiments.compare import Tools, to_json, to_table
        from audioplane.face.landmarker import FACE_LANDMARKER

        if len(self.videos) < 2:
            raise ComparisonError("one video is no comparison: give the recording and others")
        lpips = self.weights.find()
        tools = Tools(
            require_model(FACE_LANDMARKER, self.face_landmarker),
            lpips.score if lpips else None,
            self.weights.find_syncnet(),
        )
        comparison = compare_files(self.videos, self.names, self.out, tools, self.openface)
        if self.json:
            sys.stdout.write(to_json(comparison) + "\n")
        else:
            output.print(to_table(comparison), crop=False)
        console.print(f"{self.out}: comparison.html, comparison.json")


def compare_files(
    videos: Sequence[Path], names: Sequence[str], out: Path, tools: Tools, openface: Sequence[Path]
) -> Comparison:
    """Compare all but the first video with the first, and write both reports into a folder.

    Raises `ComparisonError` if names and videos do not fit or a video shows something else,
    `MediaError` if a file cannot be read or written.
    """
    from audioplane.evaluate.report import write_text
    from audioplane.experiments.compare import compare_videos, comparison_page, to_json

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
