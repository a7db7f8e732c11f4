"""Modules of pages in Node.js, without a browser."""

import shutil
import subprocess
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")


def run_beside(files: Traversable | Path, folder: Path, script: str) -> None:
    """Run a script that imports the modules of `files`, which are copied to a folder with it."""
    for file in files.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "test.js").write_text(script)
    subprocess.run(["node", str(folder / "test.js")], check=True, timeout=60)
