"""`audioplane speech`."""

from dataclasses import dataclass
from pathlib import Path

from audioplane.cli.arguments import Kind, SubjectArgument
from audioplane.cli.console import console
from audioplane.speech.kinds import DEFAULT_KIND


@dataclass(frozen=True)
class Speech:
    """Add a kind of speech features to a subject, also to one of prior work."""

    subject: SubjectArgument
    """Folder of the subject."""
    kind: Kind = DEFAULT_KIND
    """Kind of speech features; written to aud_KIND.npy, for 'train --speech KIND'."""
    model: Path | None = None
    """The file or folder of that kind's network; looked up if not given."""

    def run(self) -> None:
        from audioplane.prepare.features import add_features

        with console.status(f"{self.kind}: computing speech features"):
            shape = add_features(self.subject, self.kind, self.model)
        sizes = " x ".join(str(n) for n in shape)
        console.print(f"{self.subject}: aud_{self.kind}.npy, {sizes} (frames, window, features)")
