"""numba's `njit` with compiled kernels kept on disk between processes.

numba notices a change in a function's own file, not in functions that it calls or constants that it
uses. Here the cache folder's name is a digest of a module and all audioplane modules that it
imports: changed code never meets old kernels. `NUMBA_CACHE_DIR` is respected; where the folder
cannot be written, kernels are compiled in each process, as are those whose files are damaged.
Nothing is ever deleted: `doctor` shows their folder.
"""

import ast
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba

from audioplane.assets import cache_root
from audioplane.errors import InstallError

_PACKAGE = Path(__file__).parent
_settings: Any = numba.config


@cache
def _sources(module: str) -> dict[str, bytes]:
    """Source of a module and of the audioplane modules that it imports, by name."""
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        # No kernel uses the imports of this module.
        if name in found or name == __name__ or file is None:
            continue
        found[name] = file.read_bytes()
        waiting += _imports(found[name])
    return found


def _file_of(module: str) -> Path | None:
    """The source of an audioplane module, or None."""
    package, *names = module.split(".")
    if package != _PACKAGE.name:
        return None
    path = _PACKAGE.joinpath(*names)
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _imports(source: bytes) -> Iterator[str]:
    """All names that may be modules in the imports at the top of a source."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


@cache
def cache_folder(module: str) -> Path:
    """The folder of a module's kernels."""
    digest = hashlib.sha256()
    for name, source in sorted(_sources(module).items()):
        digest.update(name.encode() + b"\0" + source)
    kernels = cache_root() / "kernels" / module.removeprefix("audioplane.")
    return kernels / digest.hexdigest()[:16]


def jit(**options: Any) -> Callable[[Callable], Any]:
    """As `numba.njit(**options)`, with the kernels kept on disk where that is possible.

    Raises `InstallError` if numba's compiler is disabled.
    """
    if _settings.DISABLE_JIT:
        raise InstallError("NUMBA_DISABLE_JIT is set, and kernels run compiled only: unset it")

    def decorate(function: Callable) -> Any:
        before = _settings.CACHE_DIR
        if "NUMBA_CACHE_DIR" not in os.environ:
            _settings.CACHE_DIR = str(cache_folder(function.__module__))
        named = _settings.CACHE_DIR
        try:
            kernel: Any = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no folder can be written
            return numba.njit(**options)(function)
        finally:
            _settings.CACHE_DIR = before
        # Beside the sources, where numba turns next, old kernels would meet changed code.
        if not Path(kernel.stats.cache_path).is_relative_to(named):
            return numba.njit(**options)(function)
        _never_raise(kernel._cache)
        return kernel

    return decorate


def _never_raise(kept: Any) -> None:
    """Compile anew what cannot be loaded, and go on where a kernel cannot be saved.

    `kept` is a dispatcher's `_cache`, which is private: numba 0.61 to 0.68 call it so.
    """
    load, save = kept.load_overload, kept.save_overload

    def load_overload(*args: Any) -> Any:
        try:
            return load(*args)
        except Exception:  # unpickling damaged files raises any
            try:
                kept.flush()
            except OSError:
                kept.disable()
            return None

    def save_overload(*args: Any) -> None:
        with suppress(OSError):
            save(*args)

    kept.load_overload, kept.save_overload = load_overload, save_overload
