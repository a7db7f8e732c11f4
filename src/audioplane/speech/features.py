"""Speech features of a whole sound: all at once, or in chunks in constant memory."""

import importlib.util
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from audioplane.assets import require_model, write_atomically
from audioplane.errors import SpeechError
from audioplane.speech.kinds import DEFAULT_KIND, Chunks, FeatureKind, feature_kind, kind_names
from audioplane.speech.sound import Speech


def require_kind(kind: str, model: Path | None = None) -> Path | None:
    """Check that a kind can be computed here, before long work depends on it.

    Args:
        kind: A name that `feature_kind` knows.
        model: The file or folder of its network; None to look it up.

    Returns:
        The path of its network; None for a kind that needs none.

    Raises:
        SpeechError: Unknown kind, or the library that it needs is missing.
        ModelError: Its network is missing.
    """
    return _open(kind, model)[1]


def _open(name: str, model: Path | None) -> tuple[FeatureKind, Path | None]:
    """A kind, and the path of its network."""
    kind = feature_kind(name)
    if kind.compute is None:
        raise SpeechError(
            f"speech features '{name}' ({kind.about}) cannot be computed here: choose one of "
            f"{', '.join(kind_names())}, or bring a .npy file of them"
        )
    if kind.model is None and model is not None:
        raise SpeechError(f"speech features '{name}' need no model: do not pass {model}")
    if kind.model is None:
        return kind, None
    if importlib.util.find_spec(kind.package) is None:
        raise SpeechError(
            f"speech features '{name}' need {kind.package}: pip install \"audioplane[speech]\""
        )
    return kind, require_model(kind.model, model)


def compute_features(
    sound: Speech | Float[np.ndarray, " n"], kind: str = DEFAULT_KIND, model: Path | None = None
) -> Float32[np.ndarray, "t w f"]:
    """Speech features of a whole sound.

    Args:
        sound: A `Speech`, or a waveform: 16 kHz, mono, about [−1, 1].
        kind: A name that `feature_kind` knows: one of `kind_names()`, an alias, a combination.
        model: The file or folder of its network; None to look it up.

    Returns:
        [T, W, F], T = max(1, n // 640): row t is the window about frame t, which lasts from t / 25
        to (t + 1) / 25 s. Past the ends, silence. W is 16 (320 ms), 2 for hubert. The built-in
        kinds have about zero mean and unit variance over speech and do not depend on its level;
        those of networks equal the output of prior work's scripts.

    Raises:
        SpeechError: Unknown kind, or a waveform with samples that are not finite.
        ModelError: The kind's network is missing.
    """
    speech = sound if isinstance(sound, Speech) else Speech(sound)
    features, row = None, 0
    for chunk in feature_chunks(speech, kind, model):
        if features is None:
            features = np.empty((speech.frames, *chunk.shape[1:]), np.float32)
        features[row : row + len(chunk)] = chunk
        row += len(chunk)
    assert features is not None  # there is at least one frame
    return features


def save_features(
    path: Path,
    sound: Speech | Float[np.ndarray, " n"],
    kind: str = DEFAULT_KIND,
    model: Path | None = None,
) -> tuple[int, ...]:
    """Write `compute_features` into a `.npy` file as they come, in constant memory.

    Returns their shape. Raises the same, and `MediaError` where the file cannot be written.
    """
    speech = sound if isinstance(sound, Speech) else Speech(sound)
    shape: tuple[int, ...] = ()
    with write_atomically(path) as partial, partial.open("wb") as file:
        for chunk in feature_chunks(speech, kind, model):
            if not shape:
                shape = (speech.frames, *chunk.shape[1:])
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(chunk.astype("<f4", copy=False).tobytes())
    return shape


def feature_chunks(speech: Speech, kind: str = DEFAULT_KIND, model: Path | None = None) -> Chunks:
    """`compute_features` in chunks of consecutive frames: a sound of any length in constant memory
    where `speech` reads blocks. Raises the same, for an unknown kind or a missing network at once.
    """
    found, place = _open(kind, model)
    return found.chunks(speech, place)
