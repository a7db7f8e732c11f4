"""Manifests: which videos become heads, each with its options; CSV or JSON lines.

    video,name,consent,preset,size
    s3://recordings/ann.mp4,ann,"Ann, 2026-03-01",laptop,512
    recordings/bob.mov,bob,Bob,demo,256

The same as JSON lines: `{"video": "recordings/bob.mov", "name": "bob", "size": 256}`.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import PurePosixPath
from types import NoneType
from typing import Any, Literal, get_args, get_type_hints

from audioplane.errors import FleetError

_NAME = re.compile(r"\w[\w.-]{0,99}")


@dataclass(frozen=True)
class Entry:
    """One video and its options. An empty cell, or a missing one, leaves the default."""

    video: str
    """Path or URL that fsspec opens; a relative path starts at the manifest's folder."""
    name: str = ""
    """Of the head: letters, digits, `_`, `-` and `.`; the video's name without its suffix if not
    given."""
    consent: str = ""
    """Who agreed to the making of this head, and to what."""
    size: int = 512
    """Height and width of the frames, pixels."""
    speech: str = ""
    """Kind of speech features; the default kind if empty."""
    focal: float | None = None
    """Focal length, pixels of the frames; searched for if not given."""
    sound_late: float | None = None
    """Milliseconds by which the sound comes after the image; estimated if not given."""
    audio_track: int | None = None
    """Number of the video's sound track, from 1; the one with speech if not given."""
    preset: Literal["demo", "laptop", "paper"] = "laptop"
    """Settings of the training."""
    iterations: int | None = None
    """Fine iterations, if not the preset's."""
    seed: int = 0
    torso: Literal["", "auto", "recorded", "model"] = ""
    """What is below the head; the preset's if empty."""
    expression: Literal["", "blink", "upper-face"] = ""
    """What of the upper face follows the recording; the preset's if empty."""


SIZES = range(64, 2049, 2)
"""Frames that a preparation takes; its own constants are slow to import."""
MOST_SEED = 1 << 42
"""Likewise of a training."""
MOST_LATE = 10_000
"""Likewise; milliseconds."""

COLUMNS = tuple(f.name for f in fields(Entry))
"""Names that a manifest may use."""


def read_manifest(path: str) -> list[Entry]:
    """The videos of a manifest, in its order.

    Args:
        path: A `.csv`, `.jsonl` or `.ndjson` file, wherever fsspec can read.

    Raises:
        FleetError: It is not UTF-8, not CSV or JSON lines, names a column that does not exist or
            one twice, holds a value of a wrong kind or out of range, or names two heads alike.
    """
    from audioplane.fleet.store import read_anywhere

    try:
        text = read_anywhere(path).decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise FleetError(f"{path} is not UTF-8: save it so, in Excel as CSV UTF-8") from e
    return parse_manifest(text, path)


def parse_manifest(text: str, path: str = "") -> list[Entry]:
    """The videos of a manifest's text; `path` names it, and by its suffix says what it is.

    Raises `FleetError` as `read_manifest` does.
    """
    read = _json_rows if path.lower().endswith((".jsonl", ".ndjson")) else _csv_rows
    entries, lines = [], {}
    for line, row in read(text, path):
        place = f"{path or 'manifest'}, line {line}"
        entry = _entry(row, place)
        entry = replace(entry, video=_from_folder_of(path, entry.video))
        if not _NAME.fullmatch(entry.name):
            raise FleetError(
                f"{place}: name {entry.name!r} is not made of letters, digits, _, - and .: "
                "add a column 'name'"
            )
        if entry.name in lines:
            raise FleetError(
                f"{place}: {entry.name!r} is the name in line {lines[entry.name]}, too: give the "
                "heads different names"
            )
        lines[entry.name] = line
        entries.append(entry)
    if not entries:
        raise FleetError(f"{path or 'the manifest'} names no video: one a line is expected")
    return entries


def _csv_rows(text: str, path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    place = f"{path or 'manifest'}, line"
    try:
        names = reader.fieldnames or ()
        if "video" not in names:
            raise FleetError(
                f"{place} 1: no column 'video': the first line names the columns, of "
                f"{', '.join(COLUMNS)}"
            )
        if twice := [name for name in names if name and names.count(name) > 1]:
            raise FleetError(f"{place} 1: two columns {twice[0]!r}: keep one of them")
        for row in reader:
            if None in row:
                raise FleetError(f"{place} {reader.line_num}: too many cells")
            if cells := {k: v.strip() for k, v in row.items() if v and v.strip()}:
                yield reader.line_num, cells
    except csv.Error as e:  # of a quote that nothing closes
        started = reader.line_num + 1
        raise FleetError(f"{place} {started}: no CSV ({e}): check the quotes from here on") from e


def _json_rows(text: str, path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Strings may hold what else `splitlines` takes for the end of a line.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as e:
            raise FleetError(f"{path or 'manifest'}, line {number}: no JSON ({e})") from e
        if not isinstance(row, dict):
            raise FleetError(f"{path or 'manifest'}, line {number}: not an object: {{…}}")
        yield number, {k: v for k, v in row.items() if v not in (None, "")}


def _entry(row: Mapping[str, Any], place: str) -> Entry:
    if unknown := [name for name in row if name not in COLUMNS]:
        raise FleetError(
            f"{place}: unknown column {unknown[0]!r}: choose among {', '.join(COLUMNS)}"
        )
    if not row.get("video"):
        raise FleetError(f"{place}: no video")
    types = get_type_hints(Entry)
    values = {name: _value(types[name], raw, f"{place}: {name}") for name, raw in row.items()}
    values.setdefault("name", PurePosixPath(values["video"].replace("\\", "/")).stem)
    entry = Entry(**values)
    _require_ranges(entry, place)
    return entry


def _require_ranges(entry: Entry, place: str) -> None:
    late, track, iterations = entry.sound_late, entry.audio_track, entry.iterations
    ranges = {
        "size": (entry.size in SIZES, f"an even number of {SIZES[0]} to {SIZES[-1]}"),
        "focal": (entry.focal is None or 0 < entry.focal < math.inf, "one above 0"),
        "sound_late": (late is None or abs(late) <= MOST_LATE, f"-{MOST_LATE} to {MOST_LATE}"),
        "audio_track": (track is None or track >= 1, "1 or more"),
        "iterations": (iterations is None or iterations >= 1, "1 or more"),
        "seed": (abs(entry.seed) <= MOST_SEED, f"one of -{MOST_SEED} to {MOST_SEED}"),
    }
    for name, (fits, choice) in ranges.items():
        if not fits:
            raise FleetError(f"{place}: {name} is {getattr(entry, name)}: choose {choice}")


def _value(kind: Any, raw: Any, place: str) -> Any:
    """A cell's text, or a JSON value, as the kind of value that a field holds."""
    choices: Sequence[Any] = get_args(kind)
    if choices and NoneType not in choices:  # Literal
        if raw not in choices:
            raise FleetError(
                f"{place} is {raw!r}: choose one of {', '.join(filter(None, choices))}"
            )
        return raw
    target = next((c for c in choices if c is not NoneType), kind)
    try:
        number = target(raw)
    except (TypeError, ValueError, OverflowError) as e:
        raise FleetError(f"{place} is {raw!r}: expected a number") from e
    if isinstance(raw, bool) or target is int and number != float(raw):
        raise FleetError(f"{place} is {raw!r}: expected a whole number")
    return number


def _from_folder_of(manifest: str, video: str) -> str:
    """A video's path as seen from where the command runs."""
    from audioplane.fleet.store import is_absolute

    folder, slash, _ = manifest.replace("\\", "/").rpartition("/")
    return video if is_absolute(video) or not slash else f"{folder}/{video}"


def shard_of(entries: Sequence[Entry], shard: tuple[int, int]) -> list[Entry]:
    """Every n-th entry, from the i-th on, for shard (i, n).

    Raises `FleetError` unless 0 ≤ i < n.
    """
    index, count = shard
    if not 0 <= index < count:
        raise FleetError(f"shard={index}/{count}: name one from 0/{count} to {count - 1}/{count}")
    return list(entries[index::count])
