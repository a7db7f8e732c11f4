"""PLY files as the authors of 3D Gaussian splatting write them (Kerbl et al. 2023), binary.

Fields of a vertex: position, an unused normal, the colour of degree 0, those of degree 1 (all
bases of red, then green, then blue), opacity before the sigmoid, logarithms of the scales, and the
rotation as a quaternion, its real part first.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audioplane.assets import write_atomically
from audioplane.head import Gaussians


def write_ply(path: Path, gaussians: Gaussians, comments: Sequence[str]) -> None:
    """Write Gaussians with comments of one line each. Raises `MediaError`."""
    columns = _columns(gaussians)
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {_ascii(comment)}" for comment in comments]
    lines += [f"element vertex {len(gaussians)}"]
    lines += [f"property float {name}" for name in columns]
    header = "\n".join([*lines, "end_header", ""]).encode("ascii")
    rows = np.stack(list(columns.values()), 1).astype("<f4")
    with write_atomically(path) as partial:
        partial.write_bytes(header + rows.tobytes())


def _columns(gaussians: Gaussians) -> dict[str, np.ndarray]:
    g = {name: x.detach().cpu().numpy() for name, x in gaussians.tensors().items()}
    flat = np.zeros(len(gaussians), np.float32)
    columns = dict(zip("xyz", g["means"].T, strict=True))
    columns |= dict.fromkeys(("nx", "ny", "nz"), flat)
    columns |= {f"f_dc_{c}": g["sh"][:, 0, c] for c in range(3)}
    rest = g["sh"][:, 1:].transpose(0, 2, 1).reshape(len(flat), -1)
    columns |= {f"f_rest_{k}": rest[:, k] for k in range(rest.shape[1])}
    columns["opacity"] = g["logits"]
    columns |= {f"scale_{k}": g["log_scales"][:, k] for k in range(3)}
    columns |= {f"rot_{k}": g["quats"][:, k] for k in range(4)}
    return columns


def _ascii(text: str) -> str:
    """On one line, in ASCII, as the format demands."""
    return text.encode("unicode_escape").decode("ascii")
