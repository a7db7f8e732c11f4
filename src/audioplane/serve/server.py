"""The server of live heads."""

import secrets
from dataclasses import dataclass, replace

import torch

from audioplane.errors import ServeError
from audioplane.serve import require_packages
from audioplane.serve.access import LOOPBACK, Access
from audioplane.serve.heads import Heads, ServedHead
from audioplane.serve.limits import Limits

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
        """The address with a token where one is needed. Raises `ServeError` for a weak token."""
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


def serve(heads: list[ServedHead], address: Address, limits: Limits = _LIMITS) -> None:
    """Serve heads until it is interrupted, at an address as `Address.guarded` gives it.

    Raises `ServeError` where the extra is missing or two heads share a name.
    """
    require_packages()
    import uvicorn

    from audioplane.serve.app import make_app
    from audioplane.serve.protocol import server_config

    access = address.access
    app = make_app(Heads(heads), access, limits, address.webrtc)
    config = server_config(app, address.host, address.port, limits, access)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the kernels use all cores
    try:
        uvicorn.Server(config).run()
    finally:
        torch.set_num_threads(threads)
