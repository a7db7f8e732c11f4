"""`track.safetensors`: what the face tracker saw, one row a frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from audioplane.assets import write_atomically
from audioplane.errors import SubjectError


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
        """Read from `path`. Raises `SubjectError` where it is damaged."""
        try:
            a = load_file(path)
            return Track(a["landmarks"], a["blink"], a["valid"], a["viewmats"])
        except (OSError, KeyError, SafetensorError) as e:
            raise SubjectError(f"{path} cannot be read ({e}): delete it and prepare again") from e
