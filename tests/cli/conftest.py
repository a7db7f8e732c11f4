"""Fixtures of the tests of the commands."""

from pathlib import Path

import pytest

from audioplane.train.run import train_head
from tests.train.configs import TINY


@pytest.fixture(autouse=True)
def speed_is_measured_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed of a tiny head does not matter here."""
    monkeypatch.setattr("audioplane.evaluate.speed.SECONDS", 0.4)
    monkeypatch.setattr("audioplane.evaluate.speed._ROUNDS", 2)


@pytest.fixture(scope="session")
def run_folder(spoken_subject, tmp_path_factory) -> Path:
    """A short training of the small synthetic subject; not to be written to."""
    out = tmp_path_factory.mktemp("cli") / "run"
    list(train_head(spoken_subject, TINY, out))
    return out
