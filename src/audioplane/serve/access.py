"""Access to a server: by token, by host name, and through proxies."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from audioplane.errors import ServeError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
FORBIDDEN, UNAUTHORISED = 403, 401
_NAME = re.compile(r"[a-z0-9._-]+")


@dataclass(frozen=True)
class Access:
    """The rules of access to a server."""

    token: str | None = None
    """Secret of the clients; without one the server answers only to names of this machine."""
    hosts: tuple[str, ...] = ()
    """Host names allowed besides those of this machine; in lower case, as browsers send them."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies, whose X-Forwarded-For and -Host are trusted."""

    def __post_init__(self) -> None:
        """Raises `ServeError` for a host that is not a bare name, and for a proxy that is neither
        address nor network: such a host would never be allowed, such a proxy never trusted."""
        object.__setattr__(self, "hosts", tuple(host.lower() for host in self.hosts))
        for host in self.hosts:
            if not (_NAME.fullmatch(host) or _inside(host, ("::/0",))):
                raise ServeError(
                    f"allow_host={host} is not a bare host name such as heads.example: leave out "
                    "scheme, port and path"
                )
        for proxy in self.proxies:
            try:
                ip_network(proxy, strict=False)
            except ValueError:
                raise ServeError(
                    f"trusted_proxy={proxy} is neither an address nor a network such as 10.0.0.0/8"
                ) from None

    def client(self, peer: str, headers: Mapping[str, str]) -> str:
        """The client's address, `peer` being the other end of the connection."""
        if not _inside(peer, self.proxies):
            return peer
        named = [a.strip() for a in headers.get("x-forwarded-for", "").split(",") if a.strip()]
        return next((a for a in reversed(named) if not _inside(a, self.proxies)), peer)

    def refusal(
        self, peer: str, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> tuple[int, str] | None:
        """HTTP status and message for a refused request; None for an allowed one.

        With a token: only with that token, as `Authorization: Bearer …` or `?token=…`. Without:
        only by the names of this machine, so that no foreign name can be made to point here. Pages
        of another origin are always refused.
        """
        host = headers.get("host", "")
        if _inside(peer, self.proxies):
            host = headers.get("x-forwarded-host", host)
        origin = headers.get("origin")
        if origin is not None:
            name = _hostname(origin)
            if name is None or (_netloc(origin) != host and name not in self.hosts):
                return FORBIDDEN, (
                    f"a page of {origin} may not use this server, which was asked for as Host "
                    f"{host}: if a proxy changes Host, make it pass Host on, or start the server "
                    f"with --allow-host {name or 'NAME'}"
                )
        name = _hostname(f"//{host}")
        if self.token is None and name not in (*LOOPBACK, *self.hosts):
            return FORBIDDEN, (
                f"Host {host} is no name of this machine: start the server with --allow-host "
                f"{name or 'NAME'}, or with --token"
            )
        given = headers.get("authorization", "").removeprefix("Bearer ") or query.get("token", "")
        known = self.token is None or hmac.compare_digest(given.encode(), self.token.encode())
        return None if known else (UNAUTHORISED, "the token is missing or wrong")


def _inside(address: str, networks: tuple[str, ...]) -> bool:
    try:
        return any(ip_address(address) in ip_network(n, strict=False) for n in networks)
    except ValueError:  # the other end of a Unix socket has no address
        return False


def _hostname(url: str) -> str | None:
    """The name in a URL; None where it cannot be read."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _netloc(url: str) -> str:
    return urlsplit(url).netloc
