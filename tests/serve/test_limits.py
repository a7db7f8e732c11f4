from types import SimpleNamespace

from audioplane.serve.limits import Bucket, Rate


def test_rate_lets_a_third_through_at_once_and_the_rest_in_time():
    now = SimpleNamespace(t=0.0)
    rate = Rate(60.0, lambda: now.t)
    assert [rate.allow("a") for _ in range(21)] == [True] * 20 + [False]
    assert rate.allow("b")
    now.t = 1.0
    assert rate.allow("a") and not rate.allow("a")


def test_a_bucket_that_is_full_again_is_known_as_such():
    now = SimpleNamespace(t=0.0)
    bucket = Bucket(10.0, 2.0, lambda: now.t)
    assert bucket.full and bucket.take(8.0) and not bucket.take(8.0) and not bucket.full
    now.t = 4.0
    assert bucket.full and bucket.take(10.0)


def test_a_flood_of_addresses_is_looked_through_seldom(monkeypatch):
    looked = []
    full = Bucket.full.fget
    monkeypatch.setattr(Bucket, "full", property(lambda self: looked.append(1) or full(self)))
    now = SimpleNamespace(t=0.0)
    rate = Rate(60.0, lambda: now.t)
    assert all(rate.allow(f"10.0.{i // 256}.{i % 256}") for i in range(50_000))
    assert 10_000 < len(looked) < 100_000
    now.t = 60.0
    for i in range(50_000):  # those of before are forgotten
        rate.allow(f"10.1.{i // 256}.{i % 256}")
    assert len(rate._buckets) < 60_000
