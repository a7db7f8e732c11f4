"""`audioplane demo`."""

from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from audioplane.cli.console import console, output, progress_reports


@dataclass(frozen=True)
class Demo:
    """Try everything on a synthetic subject: make it, train it, drive it with unseen sentences."""

    out: Path = Path("demo")
    """Folder for the subject, the run, demo.mp4, report.html, contact_sheet.png and table.txt."""
    seconds: float = 20.0
    """Length of the subject's video."""
    size: int = 192
    """Height and width of its frames, pixels."""
    iterations: int | None = None
    """Fine iterations, if not those of preset demo."""
    long_hair: bool = False
    """Give the subject hair that falls to the shoulders."""
    moving_body: bool = False
    """Let the subject's shoulders move, too."""

    def run(self) -> None:
        from audioplane.experiments.demo import demo

        with progress_reports() as report:
            result = demo(
                self.out,
                self.seconds,
                self.size,
                self.iterations,
                report,
                self.long_hair,
                self.moving_body,
            )
        table = Table("what", "value")
        for row in result.rows():
            table.add_row(*row)
        output.print(table)
        console.print(f"{self.out}: demo.mp4, report.html, contact_sheet.png, table.txt")
