"""`audioplane serve`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from audioplane.cli.arguments import Device
from audioplane.credentials.options import ProvenanceOptions


@dataclass(frozen=True)
class Serve:
    """Let trained heads speak live: a web page that listens to a microphone or a sound file."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Folders of training runs; these heads and no others can be reached."""
    host: str = "127.0.0.1"
    """Address to listen at; any but this machine's own asks clients for the token."""
    port: int = 8000
    token: str | None = None
    """What clients have to know; one is made up if the host is not this machine alone."""
    provenance: Annotated[ProvenanceOptions, tyro.conf.arg(name="")] = ProvenanceOptions()
    lookahead: int = 240
    """Milliseconds of sound after a frame that are waited for before it is drawn: with fewer the
    head answers sooner, with more its lips are surer (docs/live.md)."""
    articulation: float = 1.0
    """How far the lips move, as for drive."""
    webrtc: bool = False
    """Offer WebRTC too, for phones and lossy networks. Every session then opens UDP ports on all
    interfaces of this machine, whatever --host says; it still takes the token to begin one, and
    DTLS and SRTP protect it."""
    device: Device = "auto"
    """Where it draws; auto: on an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.cli.device import use_device
        from audioplane.serve.server import Address, serve_runs

        device = use_device(self.device)
        address = Address(self.host, self.port, self.token, self.webrtc)
        ears = (self.lookahead, self.articulation)
        serve_runs(self.runs, address, self.provenance, *ears, device)
