"""Speech features from other projects: any `.npy` of shape [T, W, F].

DeepSpeech [T, 16, 29], wav2vec 2.0 [T, 16, 44] and HuBERT [T, 2, 1024] come in this shape.
"""

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from audioplane.errors import SpeechError
from audioplane.speech.window import STEPS_PER_FRAME

_LARGEST = 10_000
"""Bounds every kind: log-mel and posteriors stay under 30, hidden states of HuBERT under 1,000."""
_BLOCK = 1000
"""Rows that are looked at together."""


def load_external_features(path: Path) -> Float[np.ndarray, "t w f"]:
    """Read features, 25 rows a second, of any floating-point type, as float32.

    Windows that share steps lie over one another in memory: write to none.

    Raises `SpeechError` for a file that is missing, damaged, of another shape, or with numbers that
    are not finite or beyond ±10,000, which no features reach.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that are damaged or written by Python 2
            # Mapped, so that a damaged header cannot ask for more memory than the file is long.
            features = np.lib.format.open_memmap(path, mode="r")
    except Exception as e:  # numpy lets any exception of its header's parser through
        why = e.strerror if isinstance(e, OSError) and e.strerror else f"{type(e).__name__}: {e}"
        raise SpeechError(f"{path} cannot be read as a .npy file of features ({why})") from e
    return checked_features(features, str(path))


def checked_features(features: np.ndarray, name: str) -> Float32[np.ndarray, "t w f"]:
    """A copy of features of any floating-point type, as `load_external_features` gives it.

    Raises `SpeechError`, which calls them `name`, for the same.
    """
    if features.ndim != 3 or not features.size:
        raise SpeechError(
            f"{name} has shape {features.shape}, expected [frames, window, features] at 25 frames "
            "a second"
        )
    if features.dtype.kind != "f":
        raise SpeechError(f"{name} holds {features.dtype}, expected floating-point features")
    with np.errstate(over="ignore", invalid="ignore"):
        features = _in_memory(features)
    starts = range(0, len(features), _BLOCK)
    usable = np.concatenate(  # NaN is not
        [(np.abs(features[i : i + _BLOCK]) <= _LARGEST).all((1, 2)) for i in starts]
    )
    if not usable.all():
        raise SpeechError(
            f"{name} holds values that are not finite or beyond ±{_LARGEST:,} in row "
            f"{np.argmin(usable)} and {np.sum(~usable) - 1} more: compute the features again"
        )
    return features


def _in_memory(mapped: Float[np.ndarray, "t w f"]) -> Float32[np.ndarray, "t w f"]:
    """Where each window goes on the one before it, its steps alone: an eighth of half a gigabyte
    for half an hour."""
    count, window, size = mapped.shape
    shared = window > STEPS_PER_FRAME and all(
        np.array_equal(
            mapped[i : i + _BLOCK, :-STEPS_PER_FRAME],
            mapped[i - 1 : min(i + _BLOCK, count) - 1, STEPS_PER_FRAME:],
        )
        for i in range(1, count, _BLOCK)
    )
    if not shared:
        return np.array(mapped, np.float32)
    steps = np.empty((STEPS_PER_FRAME * (count - 1) + window, size), np.float32)
    steps[:window] = mapped[0]
    steps[window:] = mapped[1:, -STEPS_PER_FRAME:].reshape(-1, size)
    row, column = steps.strides
    strides = (STEPS_PER_FRAME * row, row, column)
    return np.lib.stride_tricks.as_strided(steps, mapped.shape, strides)
