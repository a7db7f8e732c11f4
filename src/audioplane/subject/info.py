"""`subject.json`: the facts about a subject in its folder."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from audioplane.assets import write_text
from audioplane.clock import FPS
from audioplane.errors import SubjectError
from audioplane.subject.layout import FORMAT_VERSION

_MOST_PIXELS = 16384
_MOST_FRAMES = 10_000_000
"""110 hours."""


@dataclass(frozen=True)
class SubjectInfo:
    """Facts about a prepared subject."""

    size: int
    """Height and width of the frames, pixels."""
    n_frames: int
    """Frames of the source video at 25 a second, usable or not."""
    feature_kinds: tuple[str, ...] = ()
    """Kinds of speech features in the folder."""
    source: str = ""
    """Name of the source file."""
    source_sha256: str = ""
    consent: str = ""
    """Who consented to the making of this head, as the user stated it."""
    tools: dict[str, str] = field(default_factory=dict)
    """Versions of the packages that made it."""
    flags: dict[int, str] = field(default_factory=dict)
    """img_id of every frame that is left out, with the reason."""
    cuts: tuple[int, ...] = ()
    """img_id of every frame that begins another shot of the video."""
    fps: int = FPS
    format_version: int = FORMAT_VERSION

    def save(self, path: Path) -> None:
        """Write to `path`, through a temporary name."""
        write_text(path, json.dumps(asdict(self), indent=1))

    @staticmethod
    def load(path: Path) -> "SubjectInfo":
        """Read from `path`. Raises `SubjectError` for another version or a damaged file."""
        try:
            data = json.loads(path.read_text())
            version = data["format_version"]
            if version != FORMAT_VERSION:
                raise SubjectError(
                    f"{path} has format version {version}, this audioplane reads "
                    f"{FORMAT_VERSION}: prepare the video again"
                )
            data["flags"] = {int(k): v for k, v in data["flags"].items()}
            data["feature_kinds"] = tuple(data["feature_kinds"])
            data["cuts"] = tuple(data.get("cuts", ()))
            _check(data)
            return SubjectInfo(**data)
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
            raise SubjectError(f"{path} is damaged ({e}): prepare the video again") from e


def _check(data: dict[str, Any]) -> None:
    """Raise `ValueError` where a value is of another type or out of its range."""
    for name, most in (("size", _MOST_PIXELS), ("n_frames", _MOST_FRAMES)):
        if type(data[name]) is not int or not 0 < data[name] <= most:
            raise ValueError(f"{name} is {data[name]!r}, expected 1 to {most}")
    if data.get("fps", FPS) != FPS:
        raise ValueError(f"fps is {data['fps']!r}, expected {FPS}")
    for name in ("flags", "cuts"):
        if any(type(i) is not int or not 0 <= i < data["n_frames"] for i in data[name]):
            raise ValueError(f"{name} name frames that are not among the {data['n_frames']}")
    texts = [data.get(name, "") for name in ("source", "source_sha256", "consent")]
    texts += [*data["feature_kinds"], *data.get("tools", {}).values(), *data["flags"].values()]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a number where a text is expected")
