import importlib.metadata
from pathlib import Path

import pytest

from audioplane.web.kernel import build

HERE = Path(build.__file__).parent


def test_the_built_file_is_small():
    assert (HERE / "head.wasm").stat().st_size < 25_000


def test_building_it_anew_gives_the_same_bytes(tmp_path):
    name, _, version = build.COMPILER.partition("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found != version:
        pytest.skip(f"needs {build.COMPILER}")
    build.build(tmp_path / "head.wasm")
    assert (tmp_path / "head.wasm").read_bytes() == (HERE / "head.wasm").read_bytes()
