"""The command `inspect`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from audioplane.subject.inventory import Inventory


@dataclass(frozen=True)
class Inspect:
    """Describe a subject, a run or a pack.

    Of a subject also what is missing, what that costs, and some of its frames.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SUBJECT|RUN")]
    """Folder of a subject, prepared here or by prior work; folder of a run; or a pack."""
    out: Path | None = None
    """Of a subject, the image (.png or .jpg): frames with landmarks, masks and the head's axes;
    SUBJECT/inspect.png if not given."""
    json: bool = False
    """Print the facts as JSON on standard output."""

    def run(self) -> None:
        import json
        import sys
        from dataclasses import asdict

        from audioplane.assets import check_output
        from audioplane.cli.console import console
        from audioplane.errors import MediaError
        from audioplane.media.image import write_image
        from audioplane.run import RunPaths, describe_run, open_run
        from audioplane.subject import load_subject
        from audioplane.subject.inventory import take_inventory
        from audioplane.subject.overlay import draw_sheet

        if self.out is not None:
            if self.out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
                raise MediaError(f"{self.out} is not an image's name: end it with .png or .jpg")
            check_output(self.out)
        if self.path.is_file() or RunPaths(self.path).head.exists():
            if self.out is not None:
                raise MediaError(f"out={self.out}: images are made of subjects, leave it out")
            held = describe_run(open_run(self.path))
            if self.json:
                sys.stdout.write(json.dumps(held, allow_nan=False) + "\n")
            else:
                _show_run(held)
            return
        subject = load_subject(self.path)
        facts = take_inventory(subject)
        if self.json:
            sys.stdout.write(json.dumps(asdict(facts), allow_nan=False) + "\n")
        else:
            _show(facts)
        out = self.out or self.path / "inspect.png"
        write_image(out, draw_sheet(subject))
        console.print(f"{out}: some frames with landmarks, masks and the head's axes")


def _show_run(held: dict) -> None:
    from rich.table import Column, Table

    from audioplane.cli.console import output, printable

    table = Table("what", Column(overflow="fold"))
    for what, value in held.items():
        if not isinstance(value, dict):
            table.add_row(what.replace("_", " "), printable(str(value)))
    output.print(table)


def _show(facts: "Inventory") -> None:
    from rich.table import Column, Table

    from audioplane.cli.console import output

    table = Table("what", Column(overflow="fold"), title=facts.folder, title_justify="left")
    for row in _rows(facts):
        table.add_row(*row)
    output.print(table)
    if facts.missing:
        lacking = Table("missing", Column("what that costs", overflow="fold"))
        for what, cost in facts.missing.items():
            lacking.add_row(what, cost)
        output.print(lacking)
    if facts.damaged:
        broken = Table("damaged", Column("why", overflow="fold"))
        for name, why in facts.damaged.items():
            broken.add_row(name, why)
        output.print(broken)


def _rows(facts: "Inventory") -> list[tuple[str, str]]:
    width, height = facts.size
    rows = [
        ("made by", facts.made_by),
        ("source", facts.source),
        ("consent", facts.consent),
        ("video", f"{facts.seconds:.1f} s, {facts.frames} frames of {width} x {height} pixels"),
        ("frames used", f"{facts.train} to train on, {facts.held_out} held out"),
    ]
    rows += [("frames left out", f"{n}: {why}") for why, n in facts.flags.items()]
    rows += [
        ("camera", f"focal length {facts.focal:.0f} px, {facts.distance:.2f} m from the head"),
        ("poses", facts.poses),
        ("blinks", facts.blinks),
        ("body's motion", facts.body),
    ]
    for kind, found in facts.features.items():
        shape = " x ".join(str(n) for n in found.shape)
        rows.append((f"speech: {kind}", found.problem or f"{shape} (frames, window, features)"))
    return [(what, value) for what, value in rows if value]
