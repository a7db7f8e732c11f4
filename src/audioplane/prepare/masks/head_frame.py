"""A head's place in the image by its pose, for the alignment of neighbouring frames' masks."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from audioplane.prepare.pose.camera import Intrinsics


@dataclass(frozen=True)
class HeadFrame:
    """The head's centre and vertical axis in the image, which yaw leaves as they are."""

    centre: Float[np.ndarray, "2"]
    """Pixels."""
    u: Float[np.ndarray, "2"]
    """Unit vector across the head."""
    v: Float[np.ndarray, "2"]
    """Unit vector down the head."""
    metre: float
    """Pixels a metre at the head's distance."""

    @staticmethod
    def of(viewmat: Float[np.ndarray, "4 4"], camera: Intrinsics) -> "HeadFrame":
        """From a world→camera pose."""
        at = viewmat[:3, 3]
        metre = camera.focal / at[2]
        v = viewmat[:2, 1] / np.linalg.norm(viewmat[:2, 1])
        centre = camera.focal * at[:2] / at[2] + camera.centre
        return HeadFrame(centre, np.array([v[1], -v[0]]), v, float(metre))

    def onto(self, other: "HeadFrame") -> Float[np.ndarray, "2 3"]:
        """Affine matrix that takes this head's outline to another frame's: turn, scale and shift.

        Landmarks would be wrong: nose and eyes are nearer than the outline and move further.
        """
        turn = (
            np.stack([other.u, other.v], 1)
            @ np.stack([self.u, self.v])
            * (other.metre / self.metre)
        )
        return np.concatenate([turn, (other.centre - turn @ self.centre)[:, None]], 1)
