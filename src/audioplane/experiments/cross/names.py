"""Unique names of heads, speeches and videos."""

import itertools
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path


def unique(name: str, taken: Container[str]) -> str:
    """The name, with a number where it is taken."""
    names = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
    return next(n for n in names if n not in taken)


def file_labels(paths: Sequence[Path]) -> list[str]:
    """Names of files in tables, with their folders where the names are equal."""
    resolved = [Path(path).resolve() for path in paths]
    labels: list[str] = []
    for path in resolved:
        depth = 1
        while depth < len(path.parts) - 1 and _shared(path, resolved, depth):
            depth += 1
        labels.append(unique("/".join(path.parts[-depth:]), labels))
    return labels


def _shared(path: Path, paths: Sequence[Path], depth: int) -> bool:
    """Whether other files end in the same parts."""
    ends = Counter(p.parts[-depth:] for p in dict.fromkeys(paths))
    return ends[path.parts[-depth:]] > 1


def video_name(head: str, speech: str, taken: Sequence[str]) -> str:
    """A file name for the video of a head and a speech, unlike those that are taken."""
    stem = f"{head}-{speech}".replace("/", "_")
    lower = {name.lower() for name in taken}  # some file systems ignore case
    names = itertools.chain([stem], (f"{stem}-{i}" for i in itertools.count(2)))
    return next(f"{n}.mp4" for n in names if f"{n}.mp4".lower() not in lower)
