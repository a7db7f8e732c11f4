"""A small synthetic subject that speaks, shared by the tests of training, driving and commands."""

import tests.one_core  # noqa: F401 - first

# isort: split
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audioplane.subject import Subject, load_subject, save_body
from audioplane.synthetic import make_synthetic


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """How long bytes differ, in short: pytest's own way takes minutes for a head."""
    if op != "==" or not (isinstance(left, bytes) and isinstance(right, bytes)):
        return None
    if max(len(left), len(right)) < 10_000:
        return None
    unlike = [i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b]
    first = unlike[0] if unlike else min(len(left), len(right))
    return [
        f"{len(left):,} and {len(right):,} bytes, of which {len(unlike):,} differ",
        f"from byte {first:,} on: {left[first : first + 40]!r} and {right[first : first + 40]!r}",
    ]


@pytest.fixture(scope="session", autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keys are made in a folder of the tests, not in the user's."""
    folder: Path = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        for name in ("MARK_KEY", "SIGN_KEY", "SIGN_CERT"):
            patch.delenv(f"AUDIOPLANE_{name}", raising=False)
        yield folder


@pytest.fixture(scope="session")
def spoken_subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """55 frames of 64 px with mel features: 50 to train on, 5 held out."""
    root: Path = tmp_path_factory.mktemp("spoken") / "subject"
    make_synthetic(root, seconds=2.2, size=64, seed=3, kinds=("mel",))
    return load_subject(root)


@pytest.fixture(scope="session")
def person(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The same, but its body moves, and its true motion is known."""
    root: Path = tmp_path_factory.mktemp("person") / "subject"
    truth = make_synthetic(root, seconds=2.2, size=64, seed=3, kinds=("mel",), moving_body=True)
    motion = truth.body_viewmats @ np.linalg.inv(truth.body_viewmats[0])
    motion[0] = np.eye(4)
    save_body(root / "body.npy", motion)
    return load_subject(root)


@pytest.fixture(scope="session")
def long_haired(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The same, with hair that falls onto the shoulders."""
    root: Path = tmp_path_factory.mktemp("long_haired") / "subject"
    make_synthetic(root, seconds=2.2, size=64, seed=3, kinds=("mel",), long_hair=True)
    return load_subject(root)
