"""`head.bin`: a JSON header and quantised arrays, which JavaScript reads without a library.

    "APH1", uint32 length of the header, the header (UTF-8), the arrays as one stream of zlib

The header's `arrays` says of each its `type`, `shape` and `offset` in that stream. All numbers are
little-endian, and of an array the first bytes of all its numbers come first, then the second ones,
which makes the stream smaller. Types are stored as they are, but `u16` stands for
low + value · step, column by column, and `i16` for multiples of a step: 0, −1, 1, −2, … times the
step are stored as 0, 1, 2, 3, ….
"""

import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audioplane.assets import write_atomically
from audioplane.errors import CheckpointError

MAGIC = b"APH1"
FORMAT = 2
"""The `format` that the header states."""
_TYPES = {"f32": "<f4", "f16": "<f2", "i8": "i1", "u8": "u1", "u16": "<u2", "i16": "<u2"}
Kind = Literal["f32", "f16", "i8", "u8", "u16", "i16"]
_STEPS = 128
"""Of `i16`, in an array's standard deviation."""


def write_head_bin(
    path: Path, facts: Mapping[str, Any], arrays: Mapping[str, tuple[np.ndarray, Kind]]
) -> None:
    """Write facts and arrays, each as the type beside it. Raises `MediaError`."""
    entries, pieces, offset = {}, [], 0
    for name, (values, kind) in arrays.items():
        entry: dict[str, Any] = {"type": kind, "shape": list(values.shape), "offset": offset}
        if kind == "u16":
            low, step = _range(values)
            entry |= {"low": low.tolist(), "step": step.tolist()}
            values = np.rint((values - low) / step)
        elif kind == "i16":
            step = entry["step"] = _step(values)
            values = _zigzag(np.rint(values / step).astype(int))
        numbers = np.ascontiguousarray(values, dtype=_TYPES[kind])
        data = numbers.reshape(-1, 1).view(np.uint8).T.tobytes()
        entries[name] = entry
        pieces.append(data)
        offset += len(data)
    header = json.dumps({**facts, "arrays": entries}, ensure_ascii=False).encode()
    with write_atomically(path) as partial, partial.open("wb") as file:
        file.write(MAGIC + struct.pack("<I", len(header)) + header)
        file.write(zlib.compress(b"".join(pieces), 9))


def _range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest value and step of every column."""
    rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
    low, high = rows.min(0), rows.max(0)
    return low, np.maximum((high - low) / 65535, 1e-12)


def _step(values: np.ndarray) -> float:
    """As small as `_STEPS` says, but for an array whose largest number would have no place."""
    exact = values.astype(np.float64)
    return float(max(exact.std() / _STEPS, np.abs(exact).max() / 32767, 1e-12))


def _zigzag(whole: np.ndarray) -> np.ndarray:
    """0, −1, 1, −2, … as 0, 1, 2, 3, …"""
    return np.where(whole < 0, -2 * whole - 1, 2 * whole)


def read_head_bin(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays, which are float32 but for those that are bytes.

    Raises `CheckpointError` if it is missing or is no such file.
    """
    try:
        data = path.read_bytes()
        if data[:4] != MAGIC:
            raise ValueError("it does not begin as such files do")
        end = 8 + struct.unpack("<I", data[4:8])[0]
        facts = json.loads(data[8:end])
        entries, stream = facts.pop("arrays"), zlib.decompress(data[end:])
        return facts, {name: _read(stream, entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, struct.error, zlib.error) as e:
        raise CheckpointError(f"{path} is no exported head ({e}): export it again") from e


def _read(stream: bytes, entry: dict[str, Any]) -> np.ndarray:
    kind, shape = np.dtype(_TYPES[entry["type"]]), entry["shape"]
    size = kind.itemsize * int(np.prod(shape))
    planes = np.frombuffer(stream, np.uint8, size, entry["offset"]).reshape(kind.itemsize, -1)
    values = np.ascontiguousarray(planes.T).view(kind).reshape(shape)
    if entry["type"] == "u16":
        values = np.array(entry["low"]) + values * np.array(entry["step"])
    elif entry["type"] == "i16":
        values = entry["step"] * np.where(values & 1, -(values // 2).astype(int) - 1, values // 2)
    return values if values.dtype.itemsize == 1 else values.astype(np.float32)
