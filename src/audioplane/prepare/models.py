"""Finding the model files that `prepare` uses: given, in the assets folder, cached, or fetched."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from audioplane.errors import PrepareError

ASSETS_VARIABLE = "AUDIOPLANE_ASSETS"
"""Environment variable that names a folder holding `models/mediapipe/`."""


@dataclass(frozen=True)
class ModelFile:
    """A published model file."""

    name: str
    url: str
    """Official address."""
    sha256: str | None
    """Digest of the file; None where it is not known, then it is never downloaded unasked."""


FACE_LANDMARKER = ModelFile(
    "face_landmarker.task",
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    "face_landmarker.task",
    "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
)
"""MediaPipe's face landmarker: 478 landmarks and 52 blendshapes (Apache-2.0)."""

PERSON_NETWORK = ModelFile(
    "selfie_segmentation.tflite",
    "https://raw.githubusercontent.com/google-ai-edge/mediapipe/"
    "33d683c67100ef3db37d9752fcf65d30bea440c4/mediapipe/modules/selfie_segmentation/"
    "selfie_segmentation.tflite",
    "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
)
"""MediaPipe's selfie segmentation, person against background (Apache-2.0, 0.25 MB)."""

SEGMENTER = ModelFile(
    "selfie_multiclass_256x256.tflite",
    "https://storage.googleapis.com/mediapipe-models/image_segmenter/selfie_multiclass_256x256/"
    "float32/1/selfie_multiclass_256x256.tflite",
    None,
)
"""MediaPipe's multiclass selfie segmenter (Apache-2.0), used instead where it is at hand."""


def local_model(model: ModelFile, given: Path | None = None) -> Path | None:
    """A model file that already lies on this machine, or None.

    Looked for at the given path, in `$AUDIOPLANE_ASSETS/models/mediapipe`, then in the user's
    cache. Raises `PrepareError` if a path is given and no file is there.
    """
    if given is not None:
        if not Path(given).is_file():
            raise PrepareError(f"{given} is not a file: give the path of {model.name}")
        return Path(given)
    folders = [cache_folder()]
    if assets := os.environ.get(ASSETS_VARIABLE):
        folders.insert(0, Path(assets) / "models" / "mediapipe")
    return next((f / model.name for f in folders if (f / model.name).is_file()), None)


def require_model(model: ModelFile, given: Path | None = None) -> Path:
    """A model file, downloaded to the user's cache if need be.

    Raises `PrepareError`, naming the file, its address and its place, if it cannot be had.
    """
    found = local_model(model, given)
    if found is None:
        found = _download(model)
    elif given is None and model.sha256 and file_sha256(found) != model.sha256:
        raise PrepareError(f"{found} is damaged (wrong sha256): delete it and try again")
    return found


def cache_folder() -> Path:
    """Where downloaded models lie."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("audioplane")) / "models" / "mediapipe"


def _download(model: ModelFile) -> Path:
    import pooch

    folder = cache_folder()
    try:
        pooch.retrieve(
            model.url,
            f"sha256:{model.sha256}" if model.sha256 else None,
            fname=model.name,
            path=folder,
        )
    except Exception as e:  # pooch passes on whatever its transport raises
        # Of its own it raises ValueError, for a digest that does not match.
        why = "other bytes than expected came" if isinstance(e, ValueError) else type(e).__name__
        raise PrepareError(
            f"{model.name} cannot be downloaded ({why}): get it from {model.url} "
            f"and put it into {folder}"
        ) from e
    return folder / model.name


def file_sha256(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
