"""numba's `njit` with compiled kernels kept on disk between processes.

numba notices a change in a function's own file, not in what the function calls or in constants it
was compiled with. Here the cache folder's name is a digest of a module and all modules of ours that
it imports: changed code never meets old kernels. `NUMBA_CACHE_DIR` is respected; where nothing can
be written, kernels are compiled in each process.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from platformdirs import user_cache_path

_IMPORT = re.compile(rb"^(?:from|import) (audioplane\.[\w.]+)", re.MULTILINE)
_KEEP_SECONDS = 30 * 24 * 3600
_settings: Any = numba.config


@cache
def _sources(module: str) -> dict[str, bytes]:
    """Source of a module and of those of ours that it imports, by name."""
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        spec = importlib.util.find_spec(name)
        if name in found or spec is None or spec.origin is None:
            continue
        found[name] = Path(spec.origin).read_bytes()
        waiting += [match.decode() for match in _IMPORT.findall(found[name])]
    return found


@cache
def cache_folder(module: str) -> Path:
    """Where a module's kernels are kept; kernels of its older states go after a month."""
    digest = hashlib.sha256()
    for name, source in sorted(_sources(module).items()):
        digest.update(name.encode() + b"\0" + source)
    parent = user_cache_path("audioplane") / "kernels" / module.removeprefix("audioplane.")
    folder = parent / digest.hexdigest()[:16]
    if parent.is_dir() and not folder.exists():
        for old in parent.iterdir():
            if time.time() - old.stat().st_mtime > _KEEP_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    return folder


def jit(**options: Any) -> Callable[[Callable], Any]:
    """As `numba.njit(**options)`, with the kernels kept on disk where that is possible."""

    def decorate(function: Callable) -> Any:
        before = _settings.CACHE_DIR
        if "NUMBA_CACHE_DIR" not in os.environ:
            _settings.CACHE_DIR = str(cache_folder(function.__module__))
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no folder can be written
            return numba.njit(**options)(function)
        finally:
            _settings.CACHE_DIR = before

    return decorate
