"""Who may use a server: by token, by the name it is reached under, and through which proxies."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
FORBIDDEN, UNAUTHORISED = 403, 401


@dataclass(frozen=True)
class Access:
    """Who may use a server."""

    token: str | None = None
    """What clients have to know; without one the server answers only to names of this machine."""
    hosts: tuple[str, ...] = ()
    """Names by which it may be reached besides those of this machine."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies, whose X-Forwarded-For and -Host are believed."""

    def client(self, peer: str, headers: Mapping[str, str]) -> str:
        """The address of who asks, `peer` being at the other end of the connection."""
        if not _inside(peer, self.proxies):
            return peer
        named = [a.strip() for a in headers.get("x-forwarded-for", "").split(",") if a.strip()]
        return next((a for a in reversed(named) if not _inside(a, self.proxies)), peer)

    def refusal(
        self, peer: str, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> tuple[int, str] | None:
        """HTTP status and words for a request that may not be answered; None for one that may.

        With a token: only with that token, as `Authorization: Bearer …` or `?token=…`. Without:
        only by the names of this machine, so that no foreign name can be made to point here. And
        never for a page of another origin.
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
                    f"{host}: if a proxy changes Host, let it pass Host on, or start the server "
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
    except ValueError:
        return False


def _hostname(url: str) -> str | None:
    """The name in a URL; None where it cannot be read."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _netloc(url: str) -> str:
    return urlsplit(url).netloc
