"""The server of live heads."""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audioplane.drive import Talker
from audioplane.errors import ServeError
from audioplane.run import open_run
from audioplane.serve import require_packages
from audioplane.serve.access import LOOPBACK, Access
from audioplane.serve.heads import Heads
from audioplane.serve.limits import Limits
from audioplane.serve.open_heads import HeadSource
from audioplane.serve.scratch import scratch_folder
from audioplane.serve.workers import RemoteHead, Workers
from audioplane.web.drawing import write_drawing

SHORTEST_TOKEN = 16
_LIMITS = Limits()


@dataclass(frozen=True)
class Address:
    """A server's address and access."""

    host: str = "127.0.0.1"
    port: int = 8000
    access: Access = Access()
    webrtc: bool = False
    """Also over UDP, on all interfaces."""

    def guarded(self) -> "Address":
        """The address with a token where one is needed. Raises `ServeError` for a weak token, or a
        port that there is not."""
        if not 1 <= self.port < 1 << 16:
            raise ServeError(f"port={self.port}: choose one from 1 to 65535")
        token = self.access.token
        if token is None and self.host not in LOOPBACK:
            return replace(self, access=replace(self.access, token=secrets.token_urlsafe(24)))
        if token is not None and len(token) < SHORTEST_TOKEN:
            raise ServeError(
                f"token= needs at least {SHORTEST_TOKEN} characters: leave it out for a random one"
            )
        return self

    def notices(self) -> list[str]:
        """Notes for the user: the address, and limits of access."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        secret = f"#{self.access.token}" if self.access.token else ""
        said = [f"open http://{shown}:{self.port}/{secret} (Ctrl-C ends it)"]
        if self.host not in LOOPBACK:
            said.append(
                "browsers give pages a microphone only over HTTPS or on this machine: put a proxy "
                "with a certificate in front, or use sound files"
            )
        if self.webrtc:
            said.append("WebRTC: every session opens UDP ports on all interfaces of this machine")
        return said


def serve(
    sources: Sequence[HeadSource],
    address: Address,
    limits: Limits = _LIMITS,
    workers: int = 0,
    drain_seconds: float = 60.0,
) -> None:
    """Serve heads until it is interrupted, at an address as `Address.guarded` gives it.

    SIGTERM lets sessions at work go on for `drain_seconds` and takes no new ones; Ctrl-C, or
    another SIGTERM, ends it at once. `workers`: processes that render; 0 for one for every core.

    Raises `ServeError` where the extra is missing, two heads share a name, or a number is one that
    `check_numbers` refuses.
    """
    require_packages()
    check_numbers(workers, limits.clients, drain_seconds)
    from audioplane.serve.app import make_app
    from audioplane.serve.draining import DrainingServer
    from audioplane.serve.protocol import server_config

    access = address.access
    with scratch_folder() as scratch:
        processes = Workers(sources, workers, scratch)
        try:
            heads = [
                RemoteHead(s.name, s.size, s.provenance, processes, _drawing(s, scratch))
                for s in sources
            ]
            app = make_app(
                Heads(heads, 2 * limits.clients), access, limits, address.webrtc, processes
            )
            config = server_config(app, address.host, address.port, limits, access)
            DrainingServer(config, app.state.service, drain_seconds).run()
        finally:
            processes.close()


def check_numbers(workers: int, clients: int, drain_seconds: float) -> None:
    """Raise `ServeError` for numbers of a server that there are not."""
    if workers < 0:
        raise ServeError(f"workers={workers}: choose 1 or more, or 0 for one for every core")
    if clients < 1:
        raise ServeError(f"clients={clients}: choose 1 or more, or 0 for as many as fit")
    if not 0 <= drain_seconds < math.inf:
        raise ServeError(f"drain_seconds={drain_seconds}: choose seconds, 0 or more")


def _drawing(source: HeadSource, scratch: Path) -> Path | None:
    """The folder of the files with which clients draw a head; None where they may not."""
    if not source.drawn_there:
        return None
    folder = scratch / f"{source.name}.drawing"
    run = open_run(source.path, source.subject)
    footage = Talker(run, **source.settings).animator.footage
    write_drawing(run, footage, folder, source.provenance.origin.consent)
    return folder
