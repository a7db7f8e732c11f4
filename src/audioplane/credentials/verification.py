"""`audioplane verify`: what a video says of its making, by its mark and by its credentials."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from audioplane.cli.console import console, output
from audioplane.credentials import Credentials, read_credentials
from audioplane.credentials.keys import find_mark_key
from audioplane.errors import CredentialsError
from audioplane.mark import SHORTEST, THRESHOLD, MarkReading, read_mark
from audioplane.media.video import read_frames


@dataclass(frozen=True)
class VerifyReport:
    """What was found in a file."""

    mark: MarkReading | None
    """None if the video is too short to tell."""
    with_key: bool
    """Whether there was a key to read the mark's payload with."""
    credentials: Credentials | None
    """None if it carries none."""
    problems: tuple[str, ...]
    """What is damaged, contradicts or cannot be read."""

    @property
    def made_here(self) -> bool:
        """Something says that audioplane made it, and nothing speaks against it."""
        stated = self.credentials is not None and self.credentials.origin is not None
        return not self.problems and (stated or (self.mark is not None and self.mark.found))

    def to_json(self) -> str:
        """For scripts."""
        mark = None
        if self.mark is not None:
            payload = self.mark.payload
            mark = asdict(self.mark) | {
                "found": self.mark.found,
                "threshold": THRESHOLD,
                "payload": payload and {k: f"{v:08x}" for k, v in asdict(payload).items()},
            }
        credentials = None if self.credentials is None else asdict(self.credentials)
        return json.dumps(
            {
                "made_with_audioplane": self.made_here,
                "mark": mark,
                "credentials": credentials,
                "problems": self.problems,
            }
        )

    def to_text(self) -> str:
        """For people."""
        lines = [*self._about_mark(), *self._about_credentials()]
        lines += [f"PROBLEM      {problem}" for problem in self.problems]
        return "\n".join(lines)

    def _about_mark(self) -> list[str]:
        if self.mark is None:
            return [f"mark         not looked for: shorter than {SHORTEST / 25:g} s"]
        score = f"score {self.mark.score:.1f}, {THRESHOLD:.1f} needed"
        if not self.mark.found:
            return [f"mark         none found ({score})"]
        lines = [f"mark         made with audioplane ({score})"]
        payload = self.mark.payload
        if payload is not None:
            lines.append("             by an installation with this key; the payload says:")
            lines.append(f"             head {payload.head:08x}…, session {payload.session:08x}")
        elif self.with_key:
            lines.append("             payload not read: another key's, or too little is left")
        else:
            lines.append("             payload not read: there is no key here (--mark-key)")
        return lines

    def _about_credentials(self) -> list[str]:
        c = self.credentials
        if c is None:
            return ["credentials  none in the file (a platform that encodes anew removes them)"]
        whole = "unchanged since it was signed" if c.intact else "NOT as it was signed"
        signer = "a TEST certificate, nobody has checked whose" if c.test_certificate else c.signer
        lines = [
            f"credentials  {whole}; signed with {signer}",
            f"             made by {c.generator or 'something without a name'}; "
            + ("AI-generated" if c.ai_generated else "does not say that it is AI-generated"),
        ]
        if c.origin is not None:
            o = c.origin
            lines += [
                f"             head {o.head[:8]}…, session {o.session}, {o.date}, "
                + ("marked" if o.marked else "not marked"),
                f"             speech {o.speech[:8]}…; consent: {o.consent}",
            ]
        return lines


def run_verify(path: Path, mark_key: Path | None, as_json: bool) -> None:
    """Print what a video says; see `audioplane verify --help`.

    Raises `CredentialsError` if nothing says that audioplane made it, or something is wrong.
    """
    with console.status("looking for a mark"):
        report = verify_file(path, find_mark_key(mark_key, create=False))
    if as_json:
        sys.stdout.write(report.to_json() + "\n")
    else:
        output.print(report.to_text(), soft_wrap=True)
    if report.problems:
        raise CredentialsError(f"what {path} says of its making does not hold together")
    if not report.made_here:
        raise CredentialsError(f"nothing in {path} says that it was made with audioplane")


def verify_file(path: Path, key: bytes | None) -> VerifyReport:
    """Read mark and credentials of a video. Raises `MediaError` if it is none."""
    problems, credentials = [], None
    try:
        credentials = read_credentials(path)
    except CredentialsError as e:
        problems.append(str(e))
    mark = read_mark(read_frames(path), key)
    if credentials is not None:
        problems += credentials.problems
        origin, payload = credentials.origin, mark and mark.payload
        if origin is not None and payload is not None:
            told = (origin.head[:8], origin.session)
            if told != (f"{payload.head:08x}", f"{payload.session:08x}"):
                problems.append("mark and credentials name different heads or sessions")
    return VerifyReport(mark, key is not None, credentials, tuple(problems))
