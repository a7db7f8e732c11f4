"""Poses that a head's recording supports, and the poses of a table brought among them.

A pose counts as six numbers against the recording's mean: the rotation vector in the camera's
axes (pitch, yaw, roll), degrees, and the translation, centimetres.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

HEAD_MARGIN = np.array([6.0, 6.0, 8.0, 2.0, 2.0, 3.0])
"""How far beyond the recorded range a head may be, degrees and centimetres (docs/decisions/
drive.md)."""
BODY_MARGIN = np.array([1.0, 1.0, 2.0, 1.0, 0.5, 2.0])
"""Likewise a body, whose lower edge must not rise into the image."""
_RIDGE = 0.03
"""Of the regression of the body's pose on the head's, square degrees or centimetres: least error on
the held-out quarters of three clips."""
_SEEN = 0.5
"""Degrees or centimetres from which on a change counts."""


@dataclass(frozen=True)
class PoseRange:
    """The mean of recorded poses, and how far they go from it."""

    rotation: Rotation
    translation: Float[np.ndarray, "3"]
    """Metres."""
    low: Float[np.ndarray, "6"]
    high: Float[np.ndarray, "6"]

    @staticmethod
    def of(views: Float[np.ndarray, "n 4 4"]) -> "PoseRange":
        """The range of views, world→camera."""
        centre = _about_mean(views)
        numbers = centre.numbers(views)
        return PoseRange(centre.rotation, centre.translation, numbers.min(0), numbers.max(0))

    def numbers(self, views: Float[np.ndarray, "n 4 4"]) -> Float[np.ndarray, "n 6"]:
        """The six numbers of views."""
        turned = (Rotation.from_matrix(views[:, :3, :3]) * self.rotation.inv()).as_rotvec(True)
        return np.concatenate([turned, 100 * (views[:, :3, 3] - self.translation)], 1)

    def views(self, numbers: Float[np.ndarray, "n 6"]) -> Float[np.ndarray, "n 4 4"]:
        """The inverse of `numbers`."""
        out = np.tile(np.eye(4), (len(numbers), 1, 1))
        turned = Rotation.from_rotvec(numbers[:, :3], True) * self.rotation
        out[:, :3, :3] = turned.as_matrix()
        out[:, :3, 3] = numbers[:, 3:] / 100 + self.translation
        return out

    def moved_here(self, views: Float[np.ndarray, "n 4 4"]) -> Float[np.ndarray, "n 6"]:
        """The six numbers of another person's poses about their own mean.

        Turns are taken in the camera's axes and so do not depend on how the other head's axes lie;
        steps to the side are metres in both, and distances scale, since a focal length that is
        assumed for a clip scales them all.
        """
        other = _about_mean(views)
        numbers = other.numbers(views)
        numbers[:, 5] *= self.translation[2] / other.translation[2]
        return numbers

    def eased(
        self, numbers: Float[np.ndarray, "n 6"], margin: Float[np.ndarray, "6"]
    ) -> tuple[Float[np.ndarray, "n 6"], Bool[np.ndarray, " n"]]:
        """Poses within the range and a margin, and which of them were visibly changed.

        Up to half of the margin beyond the range they stay; the rest approaches the whole of it.
        """
        half = margin / 2
        low, high = self.low - half, self.high + half
        inside = numbers.clip(low, high)
        eased = inside + half * np.tanh((numbers - inside) / half)
        return eased, np.any(np.abs(eased - numbers) > _SEEN, axis=1)


def _about_mean(views: Float[np.ndarray, "n 4 4"]) -> PoseRange:
    rotation = Rotation.from_matrix(views[:, :3, :3]).mean()
    return PoseRange(rotation, views[:, :3, 3].mean(0), np.zeros(6), np.zeros(6))


def body_after_head(
    heads: Float[np.ndarray, "n 6"],
    bodies: Float[np.ndarray, "n 6"],
    asked: Float[np.ndarray, "t 6"],
) -> Float[np.ndarray, "t 6"]:
    """Where the body is expected for poses of the head, by what both did in the recording.

    Ridge regression of the body's six numbers on the head's, both about their means.
    """
    square = heads.T @ heads / len(heads) + _RIDGE * np.eye(6)
    return asked @ np.linalg.solve(square, heads.T @ bodies / len(heads))
