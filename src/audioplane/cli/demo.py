"""`audioplane demo`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Demo:
    """See it all work on a drawn head: make it, train it, let it speak what it never heard."""

    out: Path = Path("demo")
    """Folder for the subject, the run, demo.mp4, report.html, contact_sheet.png and table.txt."""
    seconds: float = 20.0
    """Length of the drawn video."""
    size: int = 192
    """Height and width of its frames, pixels."""
    iterations: int | None = None
    """Fine iterations, if not those of preset demo."""

    def run(self) -> None:
        from audioplane.experiments.demo import run_demo

        run_demo(self.out, self.seconds, self.size, self.iterations)
