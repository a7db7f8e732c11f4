import io

from rich.console import Console

from audioplane.cli.evaluate import score_table
from tests.evaluate.test_report import report


def test_table_shows_figures_and_reasons() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(score_table(report()))
    text = console.export_text()
    for part in ("25.00", "20.00", "2.50", "a reader", "a note", "lpips: no weights", "mac: 1 fr"):
        assert part in text
