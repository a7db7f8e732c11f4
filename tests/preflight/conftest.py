from pathlib import Path

import pytest

from tests.prepare.conftest import write_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "figure.mp4")
