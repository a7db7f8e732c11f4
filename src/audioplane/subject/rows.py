"""`.npy` files of one row a frame of the video."""

import warnings
from pathlib import Path

import numpy as np

from audioplane.errors import SubjectError


def load_rows(path: Path) -> np.ndarray:
    """The array of a file, mapped: a damaged header cannot ask for more memory than it is long.

    Raises `SubjectError` where it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that are damaged or written by Python 2
            return np.lib.format.open_memmap(path, mode="r")
    except Exception as e:  # numpy lets any exception of its header's parser through
        why = e.strerror if isinstance(e, OSError) and e.strerror else f"{type(e).__name__}: {e}"
        raise SubjectError(f"{path} cannot be read ({why}): delete it, and it is made again") from e
