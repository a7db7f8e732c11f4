"""A small drawn subject that speaks, shared by the tests of training, driving and commands."""

from pathlib import Path

import pytest

from audioplane.subject import Subject, load_subject
from audioplane.subject.synthetic import make_synthetic


@pytest.fixture(scope="session")
def spoken_subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """55 frames of 64 px with mel features: 50 to train on, 5 held out."""
    root: Path = tmp_path_factory.mktemp("spoken") / "subject"
    make_synthetic(root, seconds=2.2, size=64, seed=3, kinds=("mel",))
    return load_subject(root)
