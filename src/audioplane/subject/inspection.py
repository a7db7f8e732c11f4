"""`audioplane inspect`: what a subject holds, in words and in a picture."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from audioplane.cli.console import console, output
from audioplane.media.image import write_image
from audioplane.subject import load_subject
from audioplane.subject.inventory import Inventory, take_inventory
from audioplane.subject.overlay import draw_sheet


def inspect_subject(root: Path, out: Path, as_json: bool) -> None:
    """Print the facts of a subject and write the picture.

    Raises `SubjectError` if the folder is no subject, `MediaError` if the picture cannot be made.
    """
    subject = load_subject(root)
    facts = take_inventory(subject)
    if as_json:
        sys.stdout.write(json.dumps(asdict(facts)) + "\n")
    else:
        _show(facts)
    write_image(out, draw_sheet(subject))
    console.print(f"{out}: some frames with landmarks, masks and the head's axes")


def _show(facts: Inventory) -> None:
    table = Table("what", "", title=facts.folder, title_justify="left")
    for row in _rows(facts):
        table.add_row(*row)
    output.print(table)
    if facts.missing:
        lacking = Table("missing", "what that costs")
        for what, cost in facts.missing.items():
            lacking.add_row(what, cost)
        output.print(lacking)


def _rows(facts: Inventory) -> list[tuple[str, str]]:
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
    ]
    for kind, found in facts.features.items():
        shape = " x ".join(str(n) for n in found.shape)
        rows.append((f"speech: {kind}", found.problem or f"{shape} (frames, window, features)"))
    return [(what, value) for what, value in rows if value]
