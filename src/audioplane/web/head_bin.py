"""`head.bin`: a JSON header and quantised arrays, which JavaScript reads without a library.

    "APH1", uint32 length of the header, the header (UTF-8, padded with spaces), the arrays

All numbers are little-endian, and every array begins at a multiple of 16 bytes. The header's
`arrays` says of each its `type`, `shape` and `offset` from the first array's beginning. Types are
stored as they are, but `u16` stands for low + value · step, column by column.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audioplane.assets import write_atomically
from audioplane.errors import CheckpointError

MAGIC = b"APH1"
_ALIGNED = 16
_TYPES = {"f32": "<f4", "f16": "<f2", "i8": "i1", "u8": "u1", "u16": "<u2"}
Kind = Literal["f32", "f16", "i8", "u8", "u16"]


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
        data = np.ascontiguousarray(values, dtype=_TYPES[kind]).tobytes()
        data += bytes(-len(data) % _ALIGNED)
        entries[name] = entry
        pieces.append(data)
        offset += len(data)
    header = json.dumps({**facts, "arrays": entries}, ensure_ascii=False).encode()
    header += b" " * (-(len(header) + 8) % _ALIGNED)
    with write_atomically(path) as partial, partial.open("wb") as file:
        file.write(MAGIC + struct.pack("<I", len(header)) + header)
        file.writelines(pieces)


def _range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest value and step of every column."""
    rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
    low, high = rows.min(0), rows.max(0)
    return low, np.maximum((high - low) / 65535, 1e-12)


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
        entries = facts.pop("arrays")
        return facts, {name: _read(data, end, entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, struct.error) as e:
        raise CheckpointError(f"{path} is no exported head ({e}): export it again") from e


def _read(data: bytes, first: int, entry: dict[str, Any]) -> np.ndarray:
    kind, shape = _TYPES[entry["type"]], entry["shape"]
    found = np.frombuffer(data, kind, int(np.prod(shape)), first + entry["offset"])
    values = found.reshape(shape)
    if entry["type"] == "u16":
        values = np.array(entry["low"]) + values * np.array(entry["step"])
    return values if values.dtype.itemsize == 1 else values.astype(np.float32)
