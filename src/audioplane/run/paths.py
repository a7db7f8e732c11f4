"""Names of the files in a run folder.

<run>/config.json                 settings, subject and versions
<run>/checkpoints/<iteration>.safetensors   the last three
<run>/head.safetensors            the newest good head, without its footage
<run>/consent.txt                 who consented, where the head does not state it
<run>/motion.safetensors          the motion graph of its footage, made when it is first needed
<run>/events.jsonl                what the training reported
"""

from dataclasses import dataclass
from pathlib import Path

_KEPT = 3


@dataclass(frozen=True)
class RunPaths:
    """Paths of the files in a run folder."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def head(self) -> Path:
        return self.root / "head.safetensors"

    @property
    def consent(self) -> Path:
        """Who consented, as stated when the head was driven, for heads that record no consent."""
        return self.root / "consent.txt"

    @property
    def motion(self) -> Path:
        return self.root / "motion.safetensors"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def checkpoint(self, iteration: int) -> Path:
        return self.checkpoints / f"{iteration:07d}.safetensors"

    def latest(self) -> Path | None:
        """The newest checkpoint, if there is one."""
        return max(self.checkpoints.glob("*.safetensors"), default=None)

    def drop_old(self) -> None:
        """Keep the last three checkpoints."""
        for path in sorted(self.checkpoints.glob("*.safetensors"))[:-_KEPT]:
            path.unlink()
