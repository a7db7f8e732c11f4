"""Everything that is drawn of a synthetic subject, in its own poses and in any others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from audioplane.errors import SubjectError
from audioplane.synthetic.camera import FrameGeometry, body_motion, rigid_inverse
from audioplane.synthetic.render import SyntheticFrame, draw, draw_background


@dataclass(frozen=True)
class SyntheticScene:
    """Face, head, body and camera of a synthetic subject, one row a frame."""

    faces: Float64[np.ndarray, "t 15"]
    """From `pose_face`."""
    viewmats: Float64[np.ndarray, "t 4 4"]
    """Head-fixed world → camera, OpenCV axes, metres."""
    body_viewmats: Float64[np.ndarray, "t 4 4"]
    """Body axes → camera, likewise; at rest the axes of body and head coincide."""
    focal: float
    """Pixels."""
    size: int
    """Height and width of the image, pixels."""
    long_hair: bool = False
    """Hair falls to the shoulders."""

    @property
    def reference(self) -> int:
        """The frame that `body_motion` counts from: the middle one."""
        return len(self.faces) // 2

    @property
    def body_motion(self) -> Float64[np.ndarray, "t 4 4"]:
        """B: where a body point x in the head's axes in frame `reference` is in frame t, B_t x."""
        return body_motion(self.viewmats, self.body_viewmats, self.reference)

    def geometry(
        self,
        t: int,
        viewmat: Float[np.ndarray, "4 4"] | None = None,
        body_viewmat: Float[np.ndarray, "4 4"] | None = None,
    ) -> FrameGeometry:
        """Geometry of frame `t`, with other poses of head and body where they are given."""
        viewmat = self.viewmats[t] if viewmat is None else viewmat
        body = self.body_viewmats[t] if body_viewmat is None else body_viewmat
        return FrameGeometry(rigid_inverse(body) @ viewmat, body, self.focal, self.size)

    def draw(
        self,
        t: int,
        viewmat: Float[np.ndarray, "4 4"] | None = None,
        body_viewmat: Float[np.ndarray, "4 4"] | None = None,
    ) -> SyntheticFrame:
        """Draw the face of frame `t`, in other poses of head and body where they are given.

        Args:
            t: Row of `faces`.
            viewmat: Head-fixed world → camera; frame t's if None.
            body_viewmat: Body axes → camera; frame t's if None.
        """
        geometry = self.geometry(t, viewmat, body_viewmat)
        return draw(self.faces[t], geometry, draw_background(self.size), self.long_hair)

    def save(self, path: Path) -> None:
        """Write to `path`, with `body_motion` and `reference` for other programs."""
        arrays = {
            "faces": self.faces,
            "viewmats": self.viewmats,
            "body_viewmats": self.body_viewmats,
            "body_motion": self.body_motion,
            "reference": np.array([self.reference]),
            "focal": np.array([self.focal]),
            "size": np.array([self.size]),
            "long_hair": np.array([self.long_hair]),
        }
        # Written here and not by safetensors, whose error on a full disk is no OSError.
        path.write_bytes(save({name: np.ascontiguousarray(rows) for name, rows in arrays.items()}))

    @staticmethod
    def load(path: Path) -> "SyntheticScene":
        """Read from `path`. Raises `SubjectError` where it cannot be read."""
        try:
            rows = load_file(path)
            return SyntheticScene(
                rows["faces"],
                rows["viewmats"],
                rows["body_viewmats"],
                float(rows["focal"][0]),
                int(rows["size"][0]),
                bool(rows["long_hair"][0]),
            )
        except (OSError, KeyError, IndexError, SafetensorError) as e:
            raise SubjectError(
                f"{path} cannot be read ({e}): make the synthetic subject again"
            ) from e
