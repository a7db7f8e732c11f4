"""What reaches a terminal."""

from dataclasses import dataclass

import pytest

from audioplane.cli.console import in_flags, printable, progress_bar, progress_reports
from audioplane.credentials import ProvenanceOptions
from audioplane.progress import Progress


@dataclass(frozen=True)
class Command:
    """A command with options in a group."""

    lr: float = 0.1
    provenance: ProvenanceOptions = ProvenanceOptions()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ('pass consent="WHO" once', 'pass --consent "WHO" once'),
        ("pass sign_key= and sign_cert=, or credentials=False", "pass --sign-key and --sign-cert, "
         "or --no-credentials"),
        ("lr=0.1 is too large", "--lr 0.1 is too large"),
        ("lr=-1 is too small", "--lr -1 is too small"),
        ("mark_key=/keys/mark is damaged", "--mark-key /keys/mark is damaged"),
        ("runs/lr=0.1/head is gone; subject=x", "runs/lr=0.1/head is gone; subject=x"),
    ],
)  # fmt: skip
def test_arguments_are_named_as_flags_where_the_command_has_them(message, shown):
    assert in_flags(message, Command()) == shown


def test_foreign_text_stays_on_its_line():
    assert printable("a\nb\x1b[31m\u202e\udcff c ü 頭…") == "a\\nb\\x1b[31m\\u202e\\udcff c ü 頭…"


def test_bars_that_got_nowhere_leave_no_line(capsys):
    with progress_reports():
        pass
    with progress_bar() as bar:
        bar.add_task("videos", total=None, note="")
    assert capsys.readouterr().err == ""
    with progress_reports() as report:
        report(Progress("crop", 1, 2))
    shown = capsys.readouterr().err
    assert "crop" in shown and "1/2" in shown and shown.endswith("\n")
