"""`audioplane serve`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from audioplane.cli.arguments import Device, FaceArguments, check_motion
from audioplane.cli.console import console, in_flags
from audioplane.credentials.options import ProvenanceOptions
from audioplane.errors import ServeError
from audioplane.machine import cores

if TYPE_CHECKING:
    from audioplane.serve.open_heads import HeadSource

_RENDERED_A_CORE, _DRAWN_THERE_A_CORE = 2, 16
"""Sessions that are admitted for each core while frame times are not known."""


@dataclass(frozen=True)
class Serve:
    """Serve trained heads live: a web page drives them by microphone or sound file."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Folders of training runs, or packs; no other heads are served."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training; of all runs the same one."""
    host: str = "127.0.0.1"
    """Address to listen on; any but this machine's own requires the token."""
    port: int = 8000
    """Port to listen on, 1 to 65535."""
    token: str | None = None
    """Secret that clients must send, 16 characters or more; a random one if the host is not this
    machine alone."""
    allow_host: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A name by which browsers reach this server, where a proxy changes it; may be repeated."""
    trusted_proxy: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Address or network of a proxy whose X-Forwarded-For and X-Forwarded-Host are trusted; may
    be repeated."""
    provenance: Annotated[ProvenanceOptions, tyro.conf.arg(name="")] = ProvenanceOptions()
    lookahead: int = 240
    """Milliseconds of sound after a frame to wait for before it is rendered: fewer lower the
    latency, more make the lips more accurate (docs/live.md)."""
    articulation: float = 1.0
    """How far the lips move, as for 'drive'."""
    poses: Path | None = None
    """How the heads move, as for 'drive'."""
    background: str | None = None
    """What is shown behind the heads, as for 'drive'; not transparent."""
    seed: int = 0
    """Of the choice among the recorded stretches that the heads move by, as for 'drive'."""
    face: Annotated[FaceArguments, tyro.conf.arg(name="")] = FaceArguments()
    webrtc: bool = False
    """Offer WebRTC too, for phones and lossy networks. Every session then opens UDP ports on all
    interfaces of this machine, whatever --host says; it still takes the token to begin one, and
    DTLS and SRTP protect it."""
    draw: Literal["server", "client"] = "server"
    """Who draws: the server, or browsers that can, to which it then sends the head's files; others,
    and heads that do not allow it, get images. Whoever has the files has the head."""
    workers: int = 0
    """Processes that render; 0 for one for every core. A session stays with one."""
    clients: int = 0
    """Sessions at once; 0 for two for every core, or 16 where clients draw, as far as the measured
    frame times allow."""
    drain_seconds: float = 60.0
    """Seconds that sessions at work may go on after SIGTERM; no new ones begin."""
    device: Device = "auto"
    """Device; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import use_device
        from audioplane.serve import require_packages
        from audioplane.serve.access import Access
        from audioplane.serve.limits import Limits
        from audioplane.serve.server import Address, check_numbers, serve

        if not self.runs:
            raise ServeError("there is no head to serve: name at least one run")
        check_motion(self.poses, self.seed)
        require_packages()
        check_numbers(self.workers, self.clients or 1, self.drain_seconds)
        access = Access(self.token, self.allow_host, self.trusted_proxy)
        address = Address(self.host, self.port, access, self.webrtc).guarded()
        device, sources, notes = use_device(self.device), [], ()
        with console.status("reading the heads"):
            for path in self.runs:
                source, said = self._source(path, str(device))
                sources.append(source)
                notes += said
        for note in dict.fromkeys(notes):
            console.print(in_flags(note, self))
        for line in address.notices():
            console.print(line)
        drawn_there = any(source.drawn_there for source in sources)
        each = _DRAWN_THERE_A_CORE if drawn_there else _RENDERED_A_CORE
        clients = self.clients or each * cores()
        limits = Limits(clients=clients)
        serve(sources, address, limits, self.workers, self.drain_seconds)

    def _source(self, path: Path, device: str) -> tuple[HeadSource, tuple[str, ...]]:
        """A head for the workers, which open it when it is first asked for, and notes for people.

        It is opened here once, so that what is wrong with it is known now.
        """
        from audioplane.drive import Talker
        from audioplane.errors import AudioplaneError
        from audioplane.run import open_run
        from audioplane.serve.heads import open_head
        from audioplane.serve.open_heads import HeadSource
        from audioplane.web.drawing import check_drawing

        run = open_run(path, self.subject)
        settings = {
            "articulation": self.articulation,
            "poses": self.poses,
            "face": self.face.options(),
            "seed": self.seed,
            "background": self.background,
        }
        provenance = self.provenance
        if run.consent and len(self.runs) > 1:  # what is stated is for the heads that do not
            provenance = replace(provenance, consent="")
        talker = Talker(run, device, provenance=provenance, **settings)
        stated = talker.provenance()
        look_ahead = self.lookahead / 1000
        open_head(talker, stated, look_ahead)
        source = HeadSource(
            run.name, path, talker.size, stated, self.subject, device, settings, look_ahead
        )
        refused = ()
        if self.draw == "client":
            try:
                check_drawing(run, stated)
                source = replace(source, drawn_there=True)
            except AudioplaneError as e:
                refused = (f"{run.name} is drawn here, not by clients: {e}",)
        return source, talker.notes + stated.notes + refused
