"""`audioplane serve`: heads that speak live in a browser."""

import importlib.util
import secrets
from pathlib import Path

import torch

from audioplane.cli.console import console
from audioplane.cli.doctor import SERVE_PACKAGES
from audioplane.cli.drive import articulate, open_animator
from audioplane.cli.provenance import ProvenanceOptions
from audioplane.cli.sealing import state_provenance
from audioplane.errors import ServeError
from audioplane.speech import SAMPLE_RATE
from audioplane.train import load_head
from audioplane.train.trainer import one_torch_thread

SHORTEST_TOKEN = 16


def serve_runs(
    runs: tuple[Path, ...],
    host: str,
    port: int,
    token: str | None,
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
    from audioplane.serve.limits import LOOPBACK, Limits

    if token is None and host not in LOOPBACK:
        token = secrets.token_urlsafe(24)
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise ServeError(
            f"--token needs at least {SHORTEST_TOKEN} characters: leave it away for one"
        )
    if lookahead < 0:
        raise ServeError("--lookahead cannot be negative: nobody hears what is not said yet")
    limits = Limits()
    heads = []
    with console.status("opening the heads"):
        for run in runs:
            trained = load_head(run)
            stated = state_provenance(provenance, run, trained, "")
            animator = open_animator(trained, None, device)
            articulate(animator, articulation)
            kind, ahead = trained.config.speech, lookahead * SAMPLE_RATE // 1000
            heads.append(open_head(run, animator, kind, stated, ahead))
    app = make_app(Gallery(heads), token, limits)
    shown = f"[{host}]" if ":" in host else host
    console.print(f"open http://{shown}:{port}/{f'#{token}' if token else ''} (Ctrl-C ends it)")
    if host not in LOOPBACK:
        console.print(
            "browsers give pages a microphone only over HTTPS or on this machine: put a proxy with "
            "a certificate in front, or use sound files"
        )
    with one_torch_thread():
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=limits.message_bytes,
            timeout_graceful_shutdown=2,
        )
