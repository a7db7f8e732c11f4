"""glTF in one file (.glb) with the Khronos extension KHR_gaussian_splatting (ratified).

glTF's y points up and its camera looks along −z; the head's axes are OpenCV's: y down, z away
from the camera. All is turned by half a turn about x, colours of degree 1 with it.
"""

import json
import struct
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane import __version__
from audioplane.assets import write_atomically
from audioplane.errors import MediaError
from audioplane.head import Gaussians

EXTENSION = "KHR_gaussian_splatting"
_FLOAT, _POINTS = 5126, 0
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
_TURN = np.array([1, -1, -1], np.float32)
_BASES_TURNED = np.array([-1, -1, 1], np.float32)
"""Of the three bases of degree 1, −y, z and −x, the sign after the turn."""


def write_gltf(path: Path, gaussians: Gaussians, facts: dict[str, str]) -> None:
    """Write Gaussians; `facts` become the asset's extras.

    Raises `MediaError`, also where there are none, which glTF has no form for.
    """
    if not len(gaussians):
        raise MediaError(f"{path}: a head of no Gaussians cannot be written as glTF, write a .ply")
    attributes = _attributes(gaussians)
    views, accessors, data = [], [], b""
    for values in attributes.values():
        width = values.shape[1]
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": values.nbytes})
        accessors.append(
            {
                "bufferView": len(accessors),
                "componentType": _FLOAT,
                "count": len(values),
                "type": _TYPES[width],
            }
        )
        data += values.tobytes()
    means = attributes["POSITION"]
    accessors[0] |= {"min": means.min(0).tolist(), "max": means.max(0).tolist()}
    splats = {
        "kernel": "ellipse",
        "colorSpace": "srgb_rec709_display",
        "projection": "perspective",
        "sortingMethod": "cameraDistance",
    }
    primitive = {
        "mode": _POINTS,
        "attributes": {name: i for i, name in enumerate(attributes)},
        "extensions": {EXTENSION: splats},
    }
    document = {
        "asset": {"version": "2.0", "generator": f"audioplane {__version__}", "extras": facts},
        "extensionsUsed": [EXTENSION],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "head"}],
        "meshes": [{"primitives": [primitive]}],
        "buffers": [{"byteLength": len(data)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    with write_atomically(path) as partial:
        partial.write_bytes(_glb(document, data))


def _attributes(gaussians: Gaussians) -> dict[str, Float32[np.ndarray, "n _"]]:
    g = {name: x.detach().cpu().numpy() for name, x in gaussians.tensors().items()}
    length = np.linalg.norm(g["quats"], axis=1, keepdims=True)
    # A zero quaternion is no rotation, as for the rasterizer.
    quats = np.where(length > 0, g["quats"], np.array([1, 0, 0, 0], np.float32))
    w, x, y, z = (quats / np.where(length > 0, length, 1)).T
    # The turn's quaternion is i: i · (w + xi + yj + zk) = −x + wi − zj + yk; real part last.
    turned = np.stack([w, -z, y, -x], 1)
    attributes = {
        "POSITION": g["means"] * _TURN,
        f"{EXTENSION}:ROTATION": turned,
        f"{EXTENSION}:SCALE": np.exp(g["log_scales"]),
        f"{EXTENSION}:OPACITY": 1 / (1 + np.exp(-g["logits"][:, None])),
        f"{EXTENSION}:SH_DEGREE_0_COEF_0": g["sh"][:, 0],
    }
    for k, sign in enumerate(_BASES_TURNED):
        attributes[f"{EXTENSION}:SH_DEGREE_1_COEF_{k}"] = g["sh"][:, 1 + k] * sign
    return {name: np.ascontiguousarray(v, dtype="<f4") for name, v in attributes.items()}


def _glb(document: dict, data: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
