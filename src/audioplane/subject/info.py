"""`subject.json`: what a subject folder says of itself."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from audioplane.assets import write_atomically
from audioplane.errors import SubjectError
from audioplane.subject.layout import FORMAT_VERSION, FPS


@dataclass(frozen=True)
class SubjectInfo:
    """Facts about a prepared subject."""

    size: int
    """Height and width of the frames, pixels."""
    n_frames: int
    """Frames of the source video at 25 a second, usable or not."""
    feature_kinds: tuple[str, ...] = ()
    """Speech features that lie in the folder."""
    source: str = ""
    """Name of the source file."""
    source_sha256: str = ""
    consent: str = ""
    """Who consented to the making of this head, as the user stated it."""
    tools: dict[str, str] = field(default_factory=dict)
    """Versions of what made it."""
    flags: dict[int, str] = field(default_factory=dict)
    """img_id of every frame that is left out, with the reason."""
    cuts: tuple[int, ...] = ()
    """img_id of every frame that begins another shot of the video."""
    fps: int = FPS
    format_version: int = FORMAT_VERSION

    def save(self, path: Path) -> None:
        """Write to `path`, through a temporary name."""
        with write_atomically(path) as partial:
            partial.write_text(json.dumps(asdict(self), indent=1))

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
            return SubjectInfo(**data)
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as e:
            raise SubjectError(f"{path} is damaged ({e}): prepare the video again") from e
