"""Files on disk: published model files, audioplane's own folders, atomic writing.

`AUDIOPLANE_HOME` names a folder for all that audioplane keeps (model files, kernels, keys); without
it they are in the user's cache and configuration folders. `AUDIOPLANE_ASSETS` names a folder with
`models/<group>/`, which is searched for model files first.
"""

import hashlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from audioplane.errors import CheckpointError, MediaError, ModelError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

if TYPE_CHECKING:
    from torch import Tensor

HOME_VARIABLE = "AUDIOPLANE_HOME"
"""Environment variable that names the folder for all that audioplane keeps."""
ASSETS_VARIABLE = "AUDIOPLANE_ASSETS"
"""Environment variable that names a folder holding `models/<group>/`."""
_FAR = 1 << 30
"""Byte that is locked on Windows, where a lock hides what it covers: far beyond what is written."""
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Names of the weights in a folder of `transformers`."""


@dataclass(frozen=True)
class ModelFile:
    """A published model: one file, or a folder of `transformers`."""

    name: str
    """Of the file or folder."""
    url: str
    """Official address."""
    sha256: str | None
    """Of the file; where None, it is never downloaded."""
    group: str
    """Its folder below `models/`."""
    hub: str = ""
    """Name in the hub of `transformers` where it is a folder; the hub's cache is searched too."""

    @property
    def cached(self) -> Path:
        """Its path once it is downloaded."""
        return cache_root() / "models" / self.group / self.name


def cache_root() -> Path:
    """The folder of model files and compiled kernels.

    Raises `MediaError` if the variable names an unknown user's, or if no home is known and the
    temporary folder cannot be trusted.
    """
    from platformdirs import user_cache_path

    if named := os.environ.get(HOME_VARIABLE):
        try:
            return Path(named).expanduser()
        except RuntimeError as e:
            raise MediaError(f"{HOME_VARIABLE}={named}: there is no such user") from e
    with suppress(RuntimeError):  # platformdirs knows no home
        usual = user_cache_path("audioplane")
        if usual.is_absolute():  # older ones give "~/.cache"
            return usual
    # A user id without a name, and no HOME.
    private = Path(tempfile.gettempdir()) / f"audioplane-{os.getuid()}"
    with suppress(FileExistsError):
        private.mkdir(mode=0o700)
    status = private.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise MediaError(f"{private} belongs to somebody else: set {HOME_VARIABLE} to a folder")
    return private


def find_model(model: ModelFile, given: Path | None = None) -> Path | None:
    """The path of a model on this machine, or None.

    Searched: `$AUDIOPLANE_ASSETS/models/<group>`, the cache and the cache of `transformers`.

    Args:
        model: The model to find.
        given: Its path, or a folder that holds it: searched there and nowhere else.

    Raises:
        ModelError: It is not at the given path.
    """
    if given is not None:
        for place in (Path(given), Path(given) / model.name):
            if _is_whole(model, place):
                return place
        kind = f"folder with config.json and {_WEIGHTS[0]}" if model.hub else "file"
        raise ModelError(
            f"{given} is not a {kind}: give the path of {model.name}, from {model.url}"
        )
    places = [model.cached]
    if assets := os.environ.get(ASSETS_VARIABLE):
        places.insert(0, Path(assets) / "models" / model.group / model.name)
    if model.hub and (in_hub := _in_hub_cache(model.hub)):
        places.append(in_hub)
    return next((place for place in places if _is_whole(model, place)), None)


def require_models(
    models: Sequence[ModelFile], given: Path | None = None, download: bool = True
) -> list[Path]:
    """The paths of models, downloaded to the cache if that is allowed and their digest is known.

    A file at a given path is the user's choice; anywhere else it must have the digest.

    Raises `ModelError`, naming files, addresses and folder, if they are missing.
    """
    found = [find_model(model, given) for model in models]
    missing = [model for model, path in zip(models, found, strict=True) if path is None]
    if missing and not (download and all(model.sha256 for model in missing)):
        raise ModelError(_wanted(missing))
    for model, path in zip(models, found, strict=True):
        if path and given is None and model.sha256 and sha256_of(path) != model.sha256:
            raise ModelError(f"{path} is damaged (wrong sha256): delete it and try again")
    return [path or _download(model) for model, path in zip(models, found, strict=True)]


def require_model(model: ModelFile, given: Path | None = None, download: bool = True) -> Path:
    """The path of one model; see `require_models`."""
    return require_models([model], given, download)[0]


def _download(model: ModelFile) -> Path:
    import pooch

    try:
        folder = model.cached.parent
        return Path(pooch.retrieve(model.url, f"sha256:{model.sha256}", model.name, folder))
    except Exception as e:  # pooch lets any exception of its transport through
        # Of its own it raises ValueError, for a digest that does not match.
        why = "the file is not the expected one" if isinstance(e, ValueError) else type(e).__name__
        raise ModelError(_wanted([model], f"not downloaded ({why})")) from e


def _wanted(models: Sequence[ModelFile], why: str = "not found") -> str:
    names = " and ".join(model.name for model in models)
    fetch = "".join(f"run 'hf download {model.hub}', or " for model in models if model.hub)
    urls = " and ".join(model.url for model in models)
    return (
        f"{names} {why}: {fetch}get {urls} and put it into {models[0].cached.parent} "
        f"or into models/{models[0].group} of the folder that {ASSETS_VARIABLE} names"
    )


def _is_whole(model: ModelFile, place: Path) -> bool:
    if not model.hub:
        return place.is_file()
    weights = any((place / name).is_file() for name in _WEIGHTS)
    return weights and (place / "config.json").is_file()


def _in_hub_cache(name: str) -> Path | None:
    """The folder of a model that `transformers` or `hf download` fetched."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    config = try_to_load_from_cache(name, "config.json")
    return Path(config).parent if isinstance(config, str) else None


def read_tensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]], ignored: str | None = None
) -> "dict[str, Tensor]":
    """Tensors of a PyTorch file, in float32 and under the names of `shapes`.

    Args:
        path: A state dict of `torch.save`. No code in it is run.
        shapes: Name and shape of every tensor that must be there.
        ignored: Regular expression of names that may be there as well.

    Raises:
        CheckpointError: The file cannot be read, or something is missing, misshapen or unexpected.
    """
    import torch

    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:  # torch lets any exception of its readers through
        raise CheckpointError(
            f"{path} is damaged or no file of weights ({type(e).__name__}): fetch it again"
        ) from e
    if not isinstance(contents, dict):
        raise CheckpointError(f"{path} holds no weights by name: fetch it again")
    faults = [f"{name} is missing" for name in shapes if name not in contents]
    for name, tensor in contents.items():
        shape = tuple(getattr(tensor, "shape", ()))
        if name not in shapes:
            if ignored is None or not re.fullmatch(ignored, str(name)):
                faults.append(f"unexpected {name}")
        elif shape != shapes[name]:
            faults.append(f"{name} is {shape} instead of {shapes[name]}")
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise CheckpointError(f"{path} holds other weights: {', '.join(faults[:3])}{more}")
    return {name: contents[name].float() for name in shapes}


def sha256_of(path: Path) -> str:
    """Digest of a file, hexadecimal. Raises `MediaError`."""
    try:
        digest = hashlib.sha256()
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    except OSError as e:
        raise MediaError(f"{path} cannot be read ({e.strerror}): check the name") from e


def check_output(path: Path, *inputs: Path) -> None:
    """Refuse, before any work, a place where no file can be written; nothing is made.

    Args:
        path: Where a file is to lie. Its folders need not exist.
        inputs: Files that are read for it, which it must not replace.

    Raises:
        MediaError: It is a folder, a device or one of the inputs, or its folder is read-only.
    """
    path = Path(path)
    _refuse_special(path)
    if any(path.exists() and other.exists() and path.samefile(other) for other in inputs):
        raise MediaError(f"{path} is read for this and would be overwritten: choose another name")
    folder = next(p for p in path.absolute().parents if p.exists())
    if not folder.is_dir():
        raise MediaError(f"{path} cannot be written: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError(f"{path} cannot be written: {folder} is read-only")


@contextmanager
def write_atomically(
    path: Path, mode: int = 0o666, sync: bool = True, suffix: str = ""
) -> Iterator[Path]:
    """Write a file under a temporary name and rename it once it is complete.

    An exception leaves no temporary file and an older `path` untouched; a temporary file of a
    killed process is overwritten. Two processes cannot write one file at once. Folders are made.

    Args:
        path: The file to write.
        mode: Its permissions, before the umask.
        sync: The file is on the disk, even if power fails, once this returns.
        suffix: Required end of the temporary name.

    Yields:
        The temporary path, an empty file beside `path`.

    Raises:
        MediaError: `path` is a folder or a device, or an `OSError` met here or in the block:
            "… cannot be written: …".
    """
    path = Path(path)
    _refuse_special(path)
    target = path.resolve() if path.is_symlink() else path
    partial = target.with_name(f".{target.name}.partial{suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        held = _claim(partial, mode)
    except OSError as e:
        raise _unwritable(path, e) from e
    try:
        yield partial
        if sync:
            _sync(partial)
        partial.replace(target)
    except BaseException as e:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(e, OSError):
            raise _unwritable(path, e) from e
        raise
    finally:
        if held is not None:
            os.close(held)


def _unwritable(path: Path, error: OSError) -> MediaError:
    return MediaError(f"{path} cannot be written: {error.strerror or error}")


def _refuse_special(path: Path) -> None:
    if path.is_dir():
        raise MediaError(f"{path} cannot be written: it is a folder, name a file in it")
    if path.exists() and not path.is_file():
        raise MediaError(f"{path} cannot be written: it is a device, name a plain file")


def _claim(partial: Path, mode: int) -> int | None:
    """Make an empty file that no other process writes; the descriptor that locks it."""
    held = os.open(partial, os.O_RDWR | os.O_CREAT, mode)
    try:
        if fcntl is None:
            os.truncate(held, 0)
            os.close(held)  # Windows cannot rename an open file
            return None
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            if isinstance(e, BlockingIOError):
                raise
        # Its former holder may have renamed it.
        if not partial.exists() or not os.path.samestat(os.fstat(held), partial.stat()):
            raise BlockingIOError
        os.truncate(held, 0)
        return held
    except BlockingIOError:
        os.close(held)
        raise MediaError(f"{partial} is being written by another process: wait for it") from None


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def try_lock(file: IO[str]) -> bool:
    """Lock an open file until it is closed; the system frees the lock of a process that dies.

    Returns whether nobody else holds it. Where the file system knows no locks, nothing is locked.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file, in UTF-8, as `write_atomically` does; what a file's name has beyond
    that is written as escapes."""
    with write_atomically(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
