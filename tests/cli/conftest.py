"""What the tests of the commands share."""

import pytest


@pytest.fixture(autouse=True)
def speed_is_measured_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a tiny head is does not matter here."""
    monkeypatch.setattr("audioplane.evaluate.speed.SECONDS", 0.4)
    monkeypatch.setattr("audioplane.evaluate.speed._ROUNDS", 2)
