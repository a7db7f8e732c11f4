"""`audioplane serve`: heads that speak live in a browser."""

import importlib.util
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from audioplane.cli.console import console, in_flags
from audioplane.clock import SAMPLE_RATE
from audioplane.credentials.options import ProvenanceOptions
from audioplane.doctor import SERVE_PACKAGES
from audioplane.drive.talker import Talker
from audioplane.errors import ServeError
from audioplane.run import open_run
from audioplane.serve.access import LOOPBACK, Access
from audioplane.train.trainer import one_torch_thread

SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Address:
    """Where the server listens, and to whom."""

    host: str
    port: int
    token: str | None
    webrtc: bool = False
    """Also over UDP, at all interfaces."""


def serve_runs(
    runs: tuple[Path, ...],
    address: Address,
    provenance: ProvenanceOptions,
    lookahead: int,
    articulation: float,
    device: torch.device,
) -> None:
    """Serve the heads of these runs until it is interrupted; `lookahead` in milliseconds.

    Raises `ServeError` where the extra is missing or the token is too short to keep anybody out,
    `CredentialsError` for a head that nobody consented to, `SpeechError` as `articulate` does.
    """
    for package in SERVE_PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise ServeError(f'serve needs {package}: pip install "audioplane[serve]"')
    import uvicorn

    from audioplane.serve.app import make_app
    from audioplane.serve.heads import Gallery, open_head
    from audioplane.serve.limits import Limits
    from audioplane.serve.protocol import server_config

    address = _guarded(address)
    if lookahead < 0:
        raise ServeError("--lookahead cannot be negative: nobody hears what is not said yet")
    limits = Limits()
    heads = []
    with console.status("opening the heads"):
        for run in runs:
            talker = Talker(open_run(run), device, articulation, provenance=provenance)
            stated = talker.provenance()
            for note in stated.notes:
                console.print(in_flags(note, provenance))
            heads.append(open_head(talker, stated, lookahead * SAMPLE_RATE // 1000))
    access = Access(address.token)
    app = make_app(Gallery(heads), access, limits, address.webrtc)
    _announce(address)
    with one_torch_thread():
        uvicorn.Server(server_config(app, address.host, address.port, limits, access)).run()


def _guarded(address: Address) -> Address:
    """With a token where one is needed. Raises `ServeError` for one that is too short."""
    token = address.token
    if token is None and address.host not in LOOPBACK:
        return replace(address, token=secrets.token_urlsafe(24))
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise ServeError(
            f"--token needs at least {SHORTEST_TOKEN} characters: leave it away for one"
        )
    return address


def _announce(address: Address) -> None:
    shown = f"[{address.host}]" if ":" in address.host else address.host
    secret = f"#{address.token}" if address.token else ""
    console.print(f"open http://{shown}:{address.port}/{secret} (Ctrl-C ends it)")
    if address.host not in LOOPBACK:
        console.print(
            "browsers give pages a microphone only over HTTPS or on this machine: put a proxy with "
            "a certificate in front, or use sound files"
        )
    if address.webrtc:
        console.print("WebRTC: every session opens UDP ports on all interfaces of this machine")
