"""`track.safetensors`: the face tracker's results, one row a frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from audioplane.assets import write_atomically
from audioplane.errors import SubjectError
from audioplane.subject.transforms import opengl_to_viewmat

_FARTHEST_PIXEL = 100_000
"""Bound on landmarks, pixels."""


@dataclass(frozen=True)
class Track:
    """The tracker's result over all n frames of a video, row = `img_id`."""

    landmarks: Float[np.ndarray, "n k 2"]
    """Dense landmarks in pixels (478 of MediaPipe; 68 for the synthetic subject); 0 where lost."""
    blink: Float[np.ndarray, "n 2"]
    """How far the image-left and image-right eye are closed: 0 open, 1 closed."""
    valid: Bool[np.ndarray, " n"]
    """Frames in which the face was found."""
    viewmats: Float[np.ndarray, "n 4 4"]
    """World→camera, OpenCV axes; identity where the face was lost."""

    def save(self, path: Path) -> None:
        """Write to `path`, through a temporary name."""
        arrays = {
            "landmarks": self.landmarks.astype(np.float32),
            "blink": self.blink.astype(np.float32),
            "valid": self.valid,
            "viewmats": self.viewmats.astype(np.float64),
        }
        # Written here and not by safetensors, whose error on a full disk is no OSError.
        with write_atomically(path) as partial:
            partial.write_bytes(save({k: np.ascontiguousarray(v) for k, v in arrays.items()}))

    @staticmethod
    def load(path: Path) -> "Track":
        """Read from `path`.

        Raises `SubjectError` where it is damaged: other shapes, or numbers that no tracker writes.
        """
        try:
            arrays = load_file(path)
            rows = [arrays[name] for name in ("landmarks", "blink", "valid", "viewmats")]
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as e:
            raise SubjectError(f"{path} cannot be read ({e}): delete it and prepare again") from e
        if fault := _fault(*rows):
            raise SubjectError(f"{path} is damaged ({fault}): delete it and prepare again")
        return Track(*rows)


def _fault(
    landmarks: np.ndarray, blink: np.ndarray, valid: np.ndarray, viewmats: np.ndarray
) -> str:
    """What no tracker would write among these; empty where all is well."""
    n = len(valid) if valid.ndim == 1 else -1
    points = landmarks.shape[1] if landmarks.ndim == 3 else 0
    shapes = landmarks.shape, blink.shape, valid.shape, viewmats.shape
    if shapes != ((n, points, 2), (n, 2), (n,), (n, 4, 4)) or valid.dtype != bool:
        return f"arrays of shapes {shapes}"
    if not all(rows.dtype.kind == "f" for rows in (landmarks, blink, viewmats)):
        return "arrays of other types than float"
    for what, rows, low, high in (
        ("landmarks", landmarks, -_FARTHEST_PIXEL, _FARTHEST_PIXEL),
        ("a blink", blink, 0, 1),
    ):
        inside = ((rows >= low) & (rows <= high)).reshape(n, -1).all(1)
        if not inside.all():
            return f"frame {np.argmin(inside)} has {what} outside {low} to {high}"
    for i, viewmat in enumerate(viewmats):
        try:
            opengl_to_viewmat(viewmat.astype(np.float64))
        except ValueError as e:
            return f"frame {i}: {e}"
    return ""
