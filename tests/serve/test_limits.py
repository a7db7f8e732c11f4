from types import SimpleNamespace

import pytest

from audioplane.serve import limits
from audioplane.serve.limits import Rate, authorised

TOKEN = "a token of some length"


def test_rate_lets_a_third_through_at_once_and_the_rest_in_time():
    now = SimpleNamespace(t=0.0)
    rate = Rate(60.0, lambda: now.t)
    assert [rate.allow("a") for _ in range(21)] == [True] * 20 + [False]
    assert rate.allow("b")
    now.t = 1.0
    assert rate.allow("a") and not rate.allow("a")


@pytest.mark.parametrize(
    ("token", "headers", "query", "allowed"),
    [
        (None, {"host": "localhost:8000"}, {}, True),
        (None, {"host": "127.0.0.1"}, {}, True),
        (None, {"host": "[::1]:8000"}, {}, True),
        (None, {"host": "evil.example:8000"}, {}, False),
        (None, {"host": "[::1"}, {}, False),
        (None, {}, {}, False),
        (None, {"host": "localhost:8000", "origin": "http://localhost:8000"}, {}, True),
        (None, {"host": "localhost:8000", "origin": "https://evil.example"}, {}, False),
        (None, {"host": "localhost:8000", "origin": "null"}, {}, False),
        (TOKEN, {"host": "me"}, {}, False),
        (TOKEN, {"host": "me"}, {"token": TOKEN[:-1]}, False),
        (TOKEN, {"host": "me"}, {"token": "ä"}, False),
        (TOKEN, {"host": "me"}, {"token": TOKEN}, True),
        (TOKEN, {"host": "me", "authorization": f"Bearer {TOKEN}"}, {}, True),
        (TOKEN, {"host": "me", "origin": "http://you"}, {"token": TOKEN}, False),
    ],
)
def test_who_may(token, headers, query, allowed):
    assert authorised(token, headers, query) is allowed


def test_tokens_are_compared_in_constant_time(monkeypatch):
    compared = []
    same = lambda a, b: compared.append((a, b)) or True  # noqa: E731
    monkeypatch.setattr(limits.hmac, "compare_digest", same)
    assert authorised(TOKEN, {"host": "x"}, {"token": "other"})
    assert compared == [(b"other", TOKEN.encode())]
