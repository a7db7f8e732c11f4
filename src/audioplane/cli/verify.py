"""`audioplane verify`."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audioplane.cli.arguments import VideoArgument
from audioplane.cli.console import console, output, printable
from audioplane.errors import CredentialsError

if TYPE_CHECKING:
    from audioplane.credentials import Credentials, Verification


@dataclass(frozen=True)
class Verify:
    """Find out by mark and credentials whether a video was made with audioplane.

    Exit status 0 if one of them says so and nothing contradicts it, 1 otherwise. Videos that were
    cropped, scaled or re-encoded keep the mark only.
    """

    file: VideoArgument
    """A video, any format."""
    mark_key: Path | None = None
    """Key of the mark's payload; this installation's (or $AUDIOPLANE_MARK_KEY) if not given."""
    json: bool = False
    """Print what was found as JSON on standard output."""

    def run(self) -> None:
        from audioplane.credentials import verify

        with console.status("looking for a mark"):
            found = verify(self.file, self.mark_key)
        if self.json:
            sys.stdout.write(json.dumps(_fields(found)) + "\n")
        else:
            for name, value in _lines(found):
                output.print(f"{name:13}{printable(value)}", soft_wrap=True)
        if found.problems:
            raise CredentialsError(
                f"mark and credentials of {self.file} are contradictory or damaged"
            )
        if not found.made_here:
            raise CredentialsError(f"nothing in {self.file} says that it was made with audioplane")


def _fields(found: "Verification") -> dict:
    """For scripts."""
    mark = None
    if found.mark is not None:
        payload = found.mark.payload
        mark = asdict(found.mark) | {
            "found": found.mark.found,
            "payload": payload and {k: f"{v:08x}" for k, v in asdict(payload).items()},
        }
    return {
        "made_with_audioplane": found.made_here,
        "mark": mark,
        "credentials": None if found.credentials is None else asdict(found.credentials),
        "problems": found.problems,
    }


def _lines(found: "Verification") -> list[tuple[str, str]]:
    """Lines for the terminal: a name, empty where a line continues, and any text."""
    lines = _about_mark(found)
    if found.credentials is None:
        lines.append(("credentials", "none in the file (a platform that re-encodes removes them)"))
    else:
        lines += _about_credentials(found.credentials)
    return lines + [("PROBLEM", problem) for problem in found.problems]


def _about_mark(found: "Verification") -> list[tuple[str, str]]:
    from audioplane.clock import FPS
    from audioplane.mark import SHORTEST

    if found.mark is None:
        why = f"shorter than {SHORTEST / FPS:g} s, too narrow or unreadable"
        return [("mark", f"not looked for: {why}")]
    score = f"score {found.mark.score:.1f}, {found.mark.threshold:.1f} needed"
    if not found.mark.found:
        return [("mark", f"none found ({score})")]
    lines, payload = [("mark", f"made with audioplane ({score})")], found.mark.payload
    if payload is not None:
        lines.append(("", "by an installation with this key; the payload says:"))
        lines.append(("", f"head {payload.head:08x}…, session {payload.session:08x}"))
    elif found.with_key:
        lines.append(("", "payload not read: it has another key, or too little of it is left"))
    else:
        lines.append(("", "payload not read: there is no key here (--mark-key)"))
    return lines


def _about_credentials(c: "Credentials") -> list[tuple[str, str]]:
    whole = "unchanged since it was signed" if c.intact else "NOT as it was signed"
    signer = "a TEST certificate, nobody has checked whose" if c.test_certificate else c.signer
    lines = [
        ("credentials", f"{whole}; signed with {signer}"),
        ("", f"made by {c.generator or 'something without a name'}"),
        ("", "AI-generated" if c.ai_generated else "does not say that it is AI-generated"),
    ]
    if c.origin is not None:
        o = c.origin
        marked = "marked" if o.marked else "not marked"
        lines += [
            ("", f"head {o.head[:8]}…, session {o.session}, {o.date}, {marked}"),
            ("", f"speech {o.speech[:8]}…"),
            ("", f"consent: {o.consent}"),
        ]
    return lines
