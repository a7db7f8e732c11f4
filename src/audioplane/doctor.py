"""The report on the installation: what is installed, what is missing, what that is for."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Literal

from audioplane import __version__
from audioplane.assets import ModelFile, cache_root, find_model, require_model
from audioplane.errors import AudioplaneError
from audioplane.machine import cores
from audioplane.serve import SERVE_PACKAGES

State = Literal["there", "missing", "damaged"]

_LIBRARIES = {
    "torch": "torch",
    "mediapipe": "mediapipe",
    "av": "av",
    "opencv-contrib-python": "cv2",
    "numba": "numba",
    "numpy": "numpy",
    "scipy": "scipy.ndimage",
    "pocketsphinx": "pocketsphinx",
    "hama": "hama",
    "c2pa-python": "c2pa",
    "cryptography": "cryptography.x509",
    "safetensors": "safetensors.torch",
    "fsspec": "fsspec",
    "jaxtyping": "jaxtyping",
    "platformdirs": "platformdirs",
    "pooch": "pooch",
    "rich": "rich.console",
    "tyro": "tyro",
}
"""Packages without which nothing works, and what of them is loaded to try them."""
_EXTRAS = (
    ("gsplat", "cuda", "gsplat", "rendering and training on an NVIDIA GPU"),
    ("transformers", "speech", None, "speech features of wav2vec2 and HuBERT"),
    ("ai-edge-litert", "speech", "ai_edge_litert.interpreter", "speech features of DeepSpeech"),
    *((name, "serve", name, "live heads in a browser") for name in SERVE_PACKAGES),
    ("ray", "ray", None, "fleet, ablate, cross and prior on a cluster"),
    ("s3fs", "s3", "s3fs", "stores of fleet on S3"),
)
"""Package, extra, what is loaded to try it (None where that takes seconds), what it is for."""
_ENCODERS = {
    "libx264": "no video can be written without it",
    "aac": "no video can be written without it",
    "libvpx-vp9": "no .webm and no page with a head can be written without it",
    "libopus": "no .webm with sound can be written without it",
}
"""Of FFmpeg, and what they are for; nothing works without the first two."""
_NEEDED_ENCODERS = ("libx264", "aac")


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    group: Literal["system", "library", "model", "extra"]
    name: str
    state: State
    detail: str
    """Version, path or why it is missing."""
    gives: str = ""
    """What it is for, and how to get it where it is missing."""
    needed: bool = False
    """Whether audioplane does not work without it."""


def diagnose() -> list[Check]:
    """Check what is installed and which model files are here; nothing is downloaded.

    Where a required library is missing or cannot be loaded, checks that need it are left out.
    """
    checks = list(_libraries())
    if not is_healthy(checks):
        return checks
    for checked in (_programs, _models, _extras):
        try:
            checks += checked()
        except Exception as e:  # some damaged libraries fail when a part of them is used
            gives = "something that it needs is damaged: pip install --force-reinstall audioplane"
            checks.append(Check("library", "its modules", "damaged", _line(e), gives, needed=True))
    return checks


def is_healthy(checks: Iterable[Check]) -> bool:
    """Whether nothing essential is missing or damaged."""
    return all(c.state == "there" for c in checks if c.needed)


def _libraries() -> Iterator[Check]:
    yield Check("system", "audioplane", "there", __version__)
    yield Check("system", "Python", "there", f"{platform.python_version()}, {platform.platform()}")
    for name, module in _LIBRARIES.items():
        version = _version(name)
        if version is None:
            gives = "nothing works without it: pip install audioplane"
            yield Check("library", name, "missing", "not installed", gives, needed=True)
        elif fault := _fault(module):
            gives = "nothing works without it: install what it lacks, or "
            gives += f"pip install --force-reinstall {name}"
            detail = f"{version}, damaged: {fault}"
            yield Check("library", name, "damaged", detail, gives, needed=True)
        else:
            yield Check("library", name, "there", version, needed=True)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _fault(module: str) -> str:
    """Why a module cannot be loaded, in one line; "" where it can."""
    try:
        # Output is for the report.
        with warnings.catch_warnings(action="ignore"), redirect_stdout(sys.stderr):
            importlib.import_module(module)
    except Exception as e:  # a damaged library raises anything
        return _line(e)
    return ""


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _programs() -> Iterator[Check]:
    import av
    import torch

    from audioplane.splat.device import no_cuda

    found = f"{cores()}, of which torch uses {torch.get_num_threads()}"
    yield Check("system", "cores", "there", found)
    reason = no_cuda()
    device = f"cpu: {reason}" if reason else f"cuda: {torch.cuda.get_device_name()}"
    yield Check("system", "device", "there", device)
    for name, gives in _ENCODERS.items():
        state: State = "there" if name in av.codecs_available else "missing"
        gives += ": pip install --force-reinstall av"
        needed = name in _NEEDED_ENCODERS
        yield Check("library", f"encoder {name}", state, "of FFmpeg in av", gives, needed)


def _models() -> Iterator[Check]:
    from audioplane.evaluate.syncnet.network import WEIGHTS
    from audioplane.face.landmarker import FACE_LANDMARKER
    from audioplane.perceptual.weights import BACKBONE, HEADS
    from audioplane.prepare.masks.segmenter import PERSON_NETWORK, SEGMENTER
    from audioplane.speech import feature_kind, kind_names

    yield Check("model", "their cache", "there", str(cache_root() / "models"))
    gives = "prepare and preflight need it, and fetch it (3.8 MB) where there is a network"
    yield _model(FACE_LANDMARKER, gives)
    gives = (
        "masks of the person; prepare needs it, and fetches it (0.25 MB) where there is a network"
    )
    yield _model(PERSON_NETWORK, gives)
    gives = "masks of hair, skin and clothes, used instead of that one where it is there"
    yield _model(SEGMENTER, gives)
    for model in (BACKBONE, HEADS):
        gives = "LPIPS as score and as loss of preset paper; --download of evaluate fetches it"
        yield _model(model, gives)
    yield _model(WEIGHTS, "SyncNet's scores; --download of evaluate and compare fetches it")
    for kind in map(feature_kind, kind_names()):
        if kind.model:
            yield _model(kind.model, f"speech features '{kind.name}'")


def _model(model: ModelFile, gives: str) -> Check:
    path = find_model(model)
    try:
        require_model(model, download=False)
    except AudioplaneError as e:
        return Check("model", model.name, "damaged" if path else "missing", str(e), gives)
    return Check("model", model.name, "there", str(path), gives)


def _extras() -> Iterator[Check]:
    for name, extra, module, gives in _EXTRAS:
        install = f'pip install "audioplane[{extra}]"'
        version = _version(name)
        if version is None:
            yield Check("extra", name, "missing", install, gives)
        elif fault := module and _fault(module):
            detail = f"{version}, damaged: {fault}"
            gives += f": pip install --force-reinstall {name}"
            yield Check("extra", name, "damaged", detail, gives)
        else:
            yield Check("extra", name, "there", version, gives)
