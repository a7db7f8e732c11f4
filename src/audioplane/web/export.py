"""The writer of the folder that a browser needs: the head, its background, the page's code."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from audioplane.assets import check_output, write_atomically
from audioplane.credentials import ProvenanceOptions
from audioplane.credentials.installation import find_mark_key
from audioplane.credentials.provenance import new_session, who_agreed
from audioplane.errors import CheckpointError, CredentialsError, MediaError, SpeechError
from audioplane.mark import MarkPayload
from audioplane.mark.pattern import payload_cells, sync_cells
from audioplane.media.image import encode_image
from audioplane.progress import Counter, Report, ignore
from audioplane.run import Run
from audioplane.speech import StreamStatistics
from audioplane.web.head_bin import write_head_bin
from audioplane.web.weights import Arrays, check_shape, head_arrays

HEAD = "head.bin"
BACKGROUND = "background.webp"
_LOSSLESS = 101
_DEFAULT = ProvenanceOptions()


@dataclass(frozen=True)
class WebExport:
    """What `export_web` made."""

    path: Path
    """The folder; serve it with any static server."""
    bytes: int
    """Of all its files."""
    session: str
    """The random part of the mark in all its frames, 8 hex digits (docs/marking.md)."""
    notes: tuple[str, ...] = ()
    """For people: what the page's lips may not do as well as the head's."""


def export_web(
    run: Run, out: Path, options: ProvenanceOptions = _DEFAULT, report: Report = ignore
) -> WebExport:
    """Write the folder with which any browser shows a head that speaks, without a server.

    Args:
        run: An open run or pack; a run's subject must be there.
        out: The folder, made if it is not there; files of an earlier export are replaced.
        options: Whose consent, where the head does not state it, and the key of the mark.
        report: Called with progress.

    Raises:
        CredentialsError: Nobody consented, the mark is switched off, or its key cannot be read or
            made.
        CheckpointError: The head is of a kind that the page cannot compute.
        MediaError: The folder cannot be written.
    """
    consent = who_agreed(options.consent, run.consent)
    key = find_mark_key(options.mark_key, create=True) if options.mark else None
    if key is None:
        raise CredentialsError("mark=False: a head is not exported without the mark")
    check_shape(run.head)
    if run.torso == "recorded":
        raise CheckpointError(
            f"{run.path} shows its recorded torso, which a page cannot: train it with torso='model'"
        )
    if run.speech != "mel":
        raise SpeechError(f"{run.path} hears '{run.speech}', which a page cannot compute: use mel")
    out = Path(out)
    check_output(out / HEAD)
    step = Counter(report, "export", 3)
    session = new_session()
    payload = MarkPayload(int(run.sha256[:8], 16), int(session, 16))
    cells = sync_cells() + payload_cells(payload, key)
    arrays = head_arrays(run.head, run.head.encoder) | _footage_arrays(run)
    arrays["mark"] = (np.stack([np.real(cells), np.imag(cells)]).round().astype(np.int8), "i8")
    step()
    write_head_bin(out / HEAD, _facts(run, consent), arrays)
    _write_image(out / BACKGROUND, run.footage.plate(run.footage.loop[0]), _LOSSLESS)
    step()
    files = [out / HEAD, out / BACKGROUND, *_copy_page(out)]
    step()
    return WebExport(out, sum(file.stat().st_size for file in files), session)


def _facts(run: Run, consent: str) -> dict[str, Any]:
    """The header of `head.bin`."""
    width, height = run.footage.size
    voice = run.voice or StreamStatistics()
    return {
        "format": 1,
        "generator": "audioplane",
        "ai_generated": True,
        "consent": consent,
        "identity": run.identity,
        "head_sha256": run.sha256,
        "width": width,
        "height": height,
        "scales": list(run.head.shape.scales),
        "fusion": run.head.shape.fusion,
        "moved_by_audio": len(run.head.moving()[0]),
        "voice": {"level": voice.level, "bands": [round(float(x), 3) for x in voice.bands]},
    }


def _footage_arrays(run: Run) -> Arrays:
    """Poses and expressions of the loop that a head plays to and fro."""
    footage = run.footage
    K = footage.K
    views = [run.view(ref).numpy()[:3] for ref in footage.loop]
    expressions = [footage.expression(ref) for ref in footage.loop]
    arrays: Arrays = {
        "K": (np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]], np.float32), "f32"),
        "views": (_rows(views), "f32"),
        "expressions": (_rows(expressions), "f32"),
    }
    if run.torso == "model":
        bodies = [run.bodies.get(ref.img_id) for ref in footage.loop]
        tracked = [footage.body(ref) for ref in footage.loop]
        arrays["bodies"] = (
            _rows(
                [t if b is None else b.numpy() for b, t in zip(bodies, tracked, strict=True)]
            ).reshape(len(bodies), 4, 4)[:, :3],
            "f32",
        )
    return arrays


def _rows(rows: list[np.ndarray]) -> Float32[np.ndarray, "..."]:
    return np.stack(rows).astype(np.float32)


def _write_image(path: Path, image: UInt8[np.ndarray, "h w c"], quality: int) -> None:
    with write_atomically(path) as partial:
        partial.write_bytes(encode_image(image, ".webp", quality))


def _copy_page(out: Path) -> list[Path]:
    """Copy the page's files, the licence among them, and the kernels."""
    package = resources.files("audioplane.web")
    sources = [*package.joinpath("page").iterdir(), package.joinpath("kernel/head.wasm")]
    try:
        for source in sources:
            (out / source.name).write_bytes(source.read_bytes())
    except OSError as e:
        raise MediaError(f"{out} cannot be written ({e.strerror})") from e
    return [out / source.name for source in sources]
