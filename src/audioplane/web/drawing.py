"""What a browser draws a head with; for a live service, which hears for it, all that it needs.

For a service the browser has files without audio encoder or mark, once. The mark's cells are those
of its session, and code and pose of every frame are sent to it.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int8, UInt8

from audioplane.assets import write_atomically
from audioplane.credentials import Provenance
from audioplane.errors import CheckpointError, CredentialsError
from audioplane.mark import MarkPayload
from audioplane.mark.pattern import payload_cells, sync_cells
from audioplane.media.image import encode_image
from audioplane.run import Footage, Run
from audioplane.web.head_bin import FORMAT, write_head_bin
from audioplane.web.weights import Arrays, check_shape, drawn_arrays

HEAD, BACKGROUND, KERNELS = "head.bin", "background.webp", "head.wasm"
DRAWING = (HEAD, BACKGROUND, KERNELS)
"""The files with which a browser draws for a service."""
_LOSSLESS = 101


def check_drawing(run: Run, provenance: Provenance) -> None:
    """Raise `CheckpointError` or `CredentialsError` for a head that a service's clients cannot, or
    must not, draw by themselves."""
    check_shape(run.head)
    if run.torso == "recorded":
        raise CheckpointError(f"{run.name} has a recorded torso, which only the server shows")
    if provenance.key is None:
        raise CredentialsError("mark=False: clients do not draw without the mark")


def write_drawing(run: Run, footage: Footage, folder: Path, consent: str) -> None:
    """Write the files `DRAWING` of a run that is shown before the background of `footage`.

    Raises `MediaError`, and as `check_drawing` for another kind.
    """
    row = run.footage.loop[:1]
    arrays: Arrays = drawn_arrays(run.head) | camera_array(run)
    arrays["views"] = (np.stack([run.view(ref).numpy()[:3] for ref in row]), "f32")
    arrays["expressions"] = (np.stack([run.footage.expression(ref) for ref in row]), "f32")
    if run.torso == "model":
        arrays["bodies"] = arrays["views"]
    folder.mkdir(parents=True, exist_ok=True)
    write_head_bin(folder / HEAD, drawn_facts(run, consent), arrays)
    write_background(footage.plate(footage.loop[0]), folder / BACKGROUND)
    with write_atomically(folder / KERNELS) as partial:
        partial.write_bytes(
            resources.files("audioplane.web").joinpath("kernel/head.wasm").read_bytes()
        )


def drawn_facts(run: Run, consent: str) -> dict[str, Any]:
    """The header of `head.bin` but for what hearing needs."""
    width, height = run.footage.size
    return {
        "format": FORMAT,
        "generator": "audioplane",
        "ai_generated": True,
        "consent": consent,
        "identity": run.identity,
        "head_sha256": run.sha256,
        "width": width,
        "height": height,
        "moved_by_audio": len(run.head.moving()[0]),
    }


def camera_array(run: Run) -> Arrays:
    """Focal lengths and principal point."""
    K = run.footage.K
    return {"K": (np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]], np.float32), "f32")}


def write_background(plate: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Write what lies behind the head, without loss."""
    with write_atomically(path) as partial:
        partial.write_bytes(encode_image(plate, ".webp", _LOSSLESS))


def mark_cells(payload: MarkPayload, key: bytes) -> Int8[np.ndarray, "2 64 64"]:
    """Real and imaginary part of the mark's cells, whole numbers."""
    cells: Complex[np.ndarray, "64 64"] = sync_cells() + payload_cells(payload, key)
    return np.stack([np.real(cells), np.imag(cells)]).round().astype(np.int8)


def frame_bytes(
    code: Float[np.ndarray, " k"],
    view: Float[np.ndarray, "4 4"],
    body: Float[np.ndarray, "4 4"] | None,
    expression: Float[np.ndarray, " e"],
) -> bytes:
    """A frame as `Engine.read` (page/engine.js) takes it.

    The code in float16, then in float32 the camera's view [3, 4], that of the body where the head
    has one, and the numbers of the expression.
    """
    views = [view[:3].ravel()] if body is None else [view[:3].ravel(), body[:3].ravel()]
    numbers = np.concatenate([*views, expression]).astype("<f4")
    return code.astype("<f2").tobytes() + numbers.tobytes()
