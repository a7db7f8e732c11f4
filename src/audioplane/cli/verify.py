"""`audioplane verify`."""

from dataclasses import dataclass
from pathlib import Path

from audioplane.cli.arguments import PathArgument


@dataclass(frozen=True)
class Verify:
    """Tell whether a video was made with audioplane: by its invisible mark and its credentials.

    Exit status 0 if one of them says so and nothing speaks against it, 1 otherwise. Videos that
    others have cut, scaled or encoded anew keep the mark only.
    """

    file: PathArgument
    """A video, any format."""
    mark_key: Path | None = None
    """Key of the mark's payload; this installation's (or $AUDIOPLANE_MARK_KEY) if not given."""
    json: bool = False
    """Print what was found as JSON on standard output."""

    def run(self) -> None:
        from audioplane.credentials.verification import run_verify

        run_verify(self.file, self.mark_key, self.json)
