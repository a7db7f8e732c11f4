"""Speech features that another project's script wrote: any `.npy` of shape [T, W, F].

DeepSpeech [T, 16, 29], wav2vec 2.0 [T, 16, 44] and HuBERT [T, 2, 1024] come in this shape.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.errors import SpeechError


def load_external_features(path: Path) -> Float[np.ndarray, "t w f"]:
    """Read features, 25 rows a second, of any floating-point type, as float32.

    Raises `SpeechError` for a file that is missing, damaged, of another shape, or not of finite
    real numbers.
    """
    try:
        features = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as e:
        raise SpeechError(f"{path} cannot be read as a .npy file of speech features: {e}") from e
    if not isinstance(features, np.ndarray) or features.ndim != 3 or not features.size:
        shape = getattr(features, "shape", "of an archive")
        raise SpeechError(
            f"{path} has shape {shape}, expected [frames, window, features] at 25 frames a second"
        )
    if features.dtype.kind != "f":
        raise SpeechError(f"{path} holds {features.dtype}, expected floating-point features")
    features = features.astype(np.float32)
    if not np.isfinite(features).all():
        raise SpeechError(f"{path} holds values that are not finite: compute the features again")
    return features
