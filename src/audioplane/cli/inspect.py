"""`audioplane inspect`."""

from dataclasses import dataclass
from pathlib import Path

from audioplane.cli.arguments import PathArgument


@dataclass(frozen=True)
class Inspect:
    """Show what a subject holds, what it lacks and what that costs, and draw some of its frames."""

    subject: PathArgument
    """Folder of the subject, ours or a peer's."""
    out: Path | None = None
    """The picture: frames with landmarks, masks and the head's axes; SUBJECT/inspect.png if not
    given."""
    json: bool = False
    """Print the facts as JSON on standard output."""

    def run(self) -> None:
        from audioplane.subject.inspection import inspect_subject

        inspect_subject(self.subject, self.out or self.subject / "inspect.png", self.json)
