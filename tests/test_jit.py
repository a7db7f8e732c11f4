"""Compiled kernels are kept where possible, and never used for other code."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from numba.core.caching import IndexDataCacheFile

import audioplane
from audioplane import jit

SHOW = """
import numpy as np
from audioplane.splat import cpu_bands
order = cpu_bands.drawing_order(np.float32([3, 1, 2]), np.ones((3, 2), np.float32))
hits = sum(cpu_bands.drawing_order.stats.cache_hits.values())
print(order.tolist(), hits, type(cpu_bands.drawing_order._cache).__name__)
"""


def run(**environment):
    names = ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES")
    env = {k: v for k, v in os.environ.items() if k not in names}
    result = subprocess.run(
        [sys.executable, "-c", SHOW], env=env | environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_second_process_compiles_nothing(tmp_path):
    assert run(AUDIOPLANE_HOME=str(tmp_path)) == "[1, 2, 0] 0 FunctionCache"
    assert run(AUDIOPLANE_HOME=str(tmp_path)) == "[1, 2, 0] 1 FunctionCache"


def test_a_folder_named_by_the_user_is_used(tmp_path):
    run(NUMBA_CACHE_DIR=str(tmp_path))
    assert list(tmp_path.rglob("*.nbi"))


def test_without_any_folder_it_works_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "folder")
    only = "UserProvidedCacheLocator"
    assert run(NUMBA_CACHE_DIR=nowhere, NUMBA_CACHE_LOCATOR_CLASSES=only) == "[1, 2, 0] 0 NullCache"


def double(x):
    return 2 * x


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where the kernels of this module are."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(jit, "cache_folder", lambda module: tmp_path / "kernels")
    return tmp_path / "kernels"


def test_beside_the_sources_nothing_is_kept(folder):
    folder.touch()
    kernel = jit.jit()(double)
    assert kernel(3) == 6 and kernel.stats.cache_path is None


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_kernels_are_compiled_anew_and_kept(folder, suffix):
    jit.jit()(double)(3)
    for file in folder.rglob(f"*{suffix}"):
        file.write_bytes(b"")
    for hits in (0, 1):
        kernel = jit.jit()(double)
        assert kernel(3) == 6 and sum(kernel.stats.cache_hits.values()) == hits


def test_a_full_disk_does_not_end_the_run(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_save_data", full)
    assert jit.jit()(double)(3) == 6


def test_kernels_belong_to_their_sources(monkeypatch, tmp_path):
    monkeypatch.setattr(jit, "cache_root", lambda: tmp_path)
    sources = jit._sources("audioplane.splat.cpu_blend")
    assert {"audioplane.simd", "audioplane.splat.constants"} < set(sources)
    folder = jit.cache_folder.__wrapped__("audioplane.splat.cpu_blend")
    changed = sources | {"audioplane.simd": b"another"}
    monkeypatch.setattr(jit, "_sources", lambda module: changed)
    assert jit.cache_folder.__wrapped__("audioplane.splat.cpu_blend") != folder


@pytest.mark.parametrize(
    "line",
    [
        "from audioplane.splat.constants import ALPHA_MIN",
        "from audioplane.splat import cpu, constants",
        "from audioplane.splat import (\n    constants as numbers,\n)",
        "import audioplane.splat.constants",
    ],
)
def test_modules_are_seen_however_they_are_imported(line):
    """`from audioplane.splat import constants` was once overlooked: old kernels met new code."""
    assert "audioplane.splat.constants" in {*jit._imports(line.encode())}
    assert jit._file_of("audioplane.splat.constants") and not jit._file_of(
        "audioplane.splat.cpu.lanes"
    )
    assert "audioplane.clock" in {*jit._imports(b"from audioplane import clock")}


def test_importing_deletes_no_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(jit, "cache_root", lambda: tmp_path)
    old = tmp_path / "kernels" / "splat.cpu_blend" / "old"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    jit.cache_folder.__wrapped__("audioplane.splat.cpu_blend")
    assert old.exists()


def test_disabled_numba_is_one_line():
    result = subprocess.run(
        [sys.executable, "-c", "from audioplane.splat import cpu_blend"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert "InstallError: NUMBA_DISABLE_JIT is set" in result.stderr


def own_addresses(source: str) -> Iterator[str]:
    """Arrays whose address a function takes though it made them itself."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        passed = {a.arg for a in function.args.args}
        for node in ast.walk(function):
            match node:
                case ast.Attribute(ast.Attribute(ast.Name(name), "ctypes"), "data"):
                    made = name not in passed and any(
                        isinstance(n, ast.Call) and ast.unparse(n.func).startswith("np.")
                        for n in _values_of(function, name)
                    )
                    if made:
                        yield f"{function.name}: {name}"


def _values_of(function: ast.FunctionDef, name: str) -> Iterator[ast.AST]:
    """What is assigned to a name."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for part, value in zip(target.elts, node.value.elts, strict=True):
                        if isinstance(part, ast.Name) and part.id == name:
                            yield value


def test_no_kernel_works_on_the_address_of_an_array_of_its_own():
    """Numba frees an array after the last use of its name, whatever still works on its address:
    a training's bits once depended on what other threads put there."""
    bad = "def f(n):\n    k, a = 1, np.zeros(n)\n    p = a.ctypes.data\n    return load(p)"
    assert [*own_addresses(bad)] == ["f: a"]
    assert not [*own_addresses("def f(a):\n    return load(a.ctypes.data)")]
    root = Path(audioplane.__file__).parent
    found = {str(p.relative_to(root)): [*own_addresses(p.read_text())] for p in root.rglob("*.py")}
    assert not {file: names for file, names in found.items() if names}
