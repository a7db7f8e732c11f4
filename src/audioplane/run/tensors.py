"""Tensors and JSON facts in one safetensors file with a checksum, written completely or not at all.

Checkpoints, head files and packs are such files. Version 1 had no checksum.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from audioplane.assets import write_atomically
from audioplane.errors import CheckpointError
from audioplane.run.paths import RunPaths

VERSION = 2
_READABLE = (1, 2)
_KEY = "audioplane"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
    """Write a file, completely or not at all; missing folders are made.

    Args:
        path: The file to write.
        tensors: Any shapes and types, on any device.
        facts: Goes into the header as JSON, with the format version and the digest.

    Raises:
        MediaError: The disk is full, or the folder cannot be written.
    """
    contents = {k: v.detach().contiguous().cpu() for k, v in tensors.items()}
    facts = {**facts, "version": VERSION}
    facts["sha256"] = digest(contents, facts)
    # Written here and not by safetensors, whose error on a full disk is no OSError.
    with write_atomically(path) as partial:
        partial.write_bytes(save(contents, {_KEY: json.dumps(facts)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read a file of `save_tensors`: tensors on the CPU, and facts.

    Raises `CheckpointError` if the file is missing, damaged or of another version.
    """
    try:
        with safe_open(path, "pt") as file, reading(path):
            facts = _facts(file, path)
            # Copies, so that one small tensor does not keep the whole file in memory.
            tensors = {k: file.get_tensor(k).clone() for k in file.keys()}
    except (OSError, SafetensorError) as e:
        raise _unread(path, e) from e
    with reading(path):
        check_digest(path, tensors, facts)
    return tensors, facts


def read_facts(path: Path) -> dict:
    """The header alone. Raises `CheckpointError` as `load_tensors` does."""
    try:
        with safe_open(path, "pt") as file, reading(path):
            return _facts(file, path)
    except (OSError, SafetensorError) as e:
        raise _unread(path, e) from e


def _unread(path: Path, why: OSError | SafetensorError) -> CheckpointError:
    """The error of a file that cannot be opened."""
    if isinstance(why, FileNotFoundError):
        return CheckpointError(f"{path} is missing: check the name")
    return damaged(path, why)


def _facts(file, path: Path) -> dict:
    text = (file.metadata() or {}).get(_KEY)
    if text is None:
        raise CheckpointError(f"{path} is no checkpoint, head or pack of audioplane")
    facts = json.loads(text)
    if not isinstance(facts, dict) or "version" not in facts:
        raise damaged(path, "its header is not audioplane's")
    if facts["version"] not in _READABLE:
        raise CheckpointError(
            f"{path} has format version {facts['version']}, this audioplane reads "
            f"{' and '.join(map(str, _READABLE))}: update audioplane, or train again"
        )
    return facts


def check_digest(path: Path, tensors: Mapping[str, Tensor], facts: Mapping) -> None:
    """Compare contents with the digest in the header, and see that floats are finite.

    Raises `CheckpointError` where they differ from what was written.
    """
    if facts["version"] > 1 and facts.get("sha256") != digest(tensors, facts):
        raise damaged(path, "the checksum differs")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise damaged(path, f"{name} holds numbers that are not finite")


def damaged(path: Path, why: object) -> CheckpointError:
    """The error of a damaged file."""
    text = f"{path} is damaged or no file of audioplane ({why}): copy it again"
    paths = RunPaths(Path(path).parent)
    if path == paths.head or paths.root.name == paths.checkpoints.name:
        text += "; if it was made here, delete it: training goes on from the last good checkpoint"
    return CheckpointError(text)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Where the contents of a file do not fit what is made of them, the file is damaged.

    Raises `CheckpointError` for what Python and PyTorch raise then.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError, OverflowError) as e:
        raise damaged(path, f"{type(e).__name__}: {e}") from e


def digest(tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> str:
    """SHA-256 over the facts, and names, types, shapes and bytes of the tensors, hexadecimal."""
    kept = {name: value for name, value in facts.items() if name != "sha256"}
    sha = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        sha.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        sha.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under names that begin with `prefix/`."""
    return {f"{prefix}/{k}": v for k, v in tensors.items()}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix/`, without it."""
    start = prefix + "/"
    return {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}
