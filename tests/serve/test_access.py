import pytest

from audioplane.errors import ServeError
from audioplane.serve import access
from audioplane.serve.access import Access

TOKEN = "a token of some length"
PEER = "192.0.2.7"


def status(who: Access, headers: dict, query: dict | None = None, peer: str = PEER) -> int:
    refused = who.refusal(peer, headers, query or {})
    return 200 if refused is None else refused[0]


@pytest.mark.parametrize(
    ("token", "headers", "query", "expected"),
    [
        (None, {"host": "localhost:8000"}, {}, 200),
        (None, {"host": "127.0.0.1"}, {}, 200),
        (None, {"host": "[::1]:8000"}, {}, 200),
        (None, {"host": "evil.example:8000"}, {}, 403),
        (None, {"host": "[::1"}, {}, 403),
        (None, {}, {}, 403),
        (None, {"host": "localhost:8000", "origin": "http://localhost:8000"}, {}, 200),
        (None, {"host": "localhost:8000", "origin": "https://evil.example"}, {}, 403),
        (None, {"host": "localhost:8000", "origin": "null"}, {}, 403),
        (None, {"host": "localhost:8000", "origin": "http://["}, {}, 403),
        (TOKEN, {"host": "me"}, {}, 401),
        (TOKEN, {"host": "me"}, {"token": TOKEN[:-1]}, 401),
        (TOKEN, {"host": "me"}, {"token": "ä"}, 401),
        (TOKEN, {"host": "me"}, {"token": TOKEN}, 200),
        (TOKEN, {"host": "me", "authorization": f"Bearer {TOKEN}"}, {}, 200),
        (TOKEN, {"host": "me", "origin": "http://you"}, {"token": TOKEN}, 403),
    ],
)
def test_access_rules(token, headers, query, expected):
    assert status(Access(token), headers, query) == expected


def test_tokens_are_compared_in_constant_time(monkeypatch):
    compared = []
    same = lambda a, b: compared.append((a, b)) or True  # noqa: E731
    monkeypatch.setattr(access.hmac, "compare_digest", same)
    assert status(Access(TOKEN), {"host": "x"}, {"token": "other"}) == 200
    assert compared == [(b"other", TOKEN.encode())]


def test_a_proxy_that_changes_host_is_named_and_can_be_allowed():
    """The page of heads.example behind a proxy that asks for 127.0.0.1:8000."""
    headers = {"host": "127.0.0.1:8000", "origin": "https://heads.example"}
    refused = Access(TOKEN).refusal(PEER, headers, {"token": TOKEN})
    assert refused is not None and refused[0] == 403
    assert "Host 127.0.0.1:8000" in refused[1] and "--allow-host heads.example" in refused[1]
    allowed = Access(TOKEN, hosts=("heads.example",))
    assert status(allowed, headers, {"token": TOKEN}) == 200
    assert status(allowed, headers, {"token": "guess"}) == 401


def test_only_trusted_proxies_headers_count():
    forwarded = {
        "x-forwarded-for": "203.0.113.9, 198.51.100.1",
        "x-forwarded-host": "heads.example",
    }
    headers = {"host": "127.0.0.1:8000", "origin": "https://heads.example", **forwarded}
    trusting = Access(TOKEN, proxies=("127.0.0.0/8", "198.51.100.1"))
    assert trusting.client("127.0.0.1", headers) == "203.0.113.9"
    assert (
        trusting.client(PEER, headers) == PEER
        and Access().client("127.0.0.1", headers) == "127.0.0.1"
    )
    assert status(trusting, headers, {"token": TOKEN}, "127.0.0.1") == 200
    assert status(trusting, headers, {"token": TOKEN}, PEER) == 403


def test_a_proxy_that_could_never_be_trusted_is_refused():
    with pytest.raises(ServeError, match="trusted_proxy=10.0.0/8 is neither"):
        Access(proxies=("127.0.0.1", "10.0.0/8"))


@pytest.mark.parametrize("host", ["https://me.example", "me.example:443", "me.example/heads", ""])
def test_a_host_that_could_never_be_allowed_is_refused(host):
    with pytest.raises(ServeError, match="allow_host=.* is not a bare host name"):
        Access(hosts=("2001:db8::1", host))


def test_the_case_of_an_allowed_host_does_not_matter():
    assert status(Access(hosts=("Heads.Example",)), {"host": "heads.example"}) == 200
