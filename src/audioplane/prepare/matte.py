"""The matte of a person before a known background: how much of them each pixel shows.

Legend: I image, F and B what person and background would show there, α alpha: I = α F + (1 − α) B
(Porter and Duff 1984). F continues the person's colours outwards, B is the background plate in the
light of this frame; α is the projection of I − B on F − B.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from audioplane.prepare.fill import push_pull
from audioplane.subject.labels import person_mask

_BAND = 6.0
"""Half the width of the band about a mask's outline in which alpha is looked for, pixels at 512."""
_NOISE = 20.0
"""Difference of F and B, 0 to 255, at which the colours count as much as the mask."""
_MASK_EDGE = 1.5
"""Half the width of the edge that the mask alone would have, pixels at 512."""
_ENDS = 0.05
"""Alphas so close to 0 or 1 are that."""
_ELSEWHERE = 0.003
"""Weight of the plate's own light, far from where the frame shows it."""


@dataclass(frozen=True)
class Matte:
    """A person's alpha in one frame, and the background behind."""

    alpha: Float32[np.ndarray, "h w"]
    """0 to 1; 0 and 1 beyond the band."""
    behind: Float32[np.ndarray, "h w 3"]
    """B, 0 to 255."""

    def over(
        self, image: UInt8[np.ndarray, "h w 3"], background: UInt8[np.ndarray, "h w 3"]
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The frame's person before another background."""
        moved = image + (1 - self.alpha)[..., None] * (background - self.behind)
        return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def person_matte(
    image: UInt8[np.ndarray, "h w 3"],
    labels: UInt8[np.ndarray, "h w"],
    background: UInt8[np.ndarray, "h w 3"],
) -> Matte:
    """The matte of the person that `labels` outlines roughly; where person and background look
    alike it is the mask's."""
    person, scale = person_mask(labels), image.shape[1] / 512
    depth = _depth(person) / scale
    front = _continued(image, depth >= _BAND, 0.0)
    behind = background + _continued(
        cv2.subtract(image, background, dtype=cv2.CV_32F), depth <= -_BAND, _ELSEWHERE
    )
    band = np.abs(depth) < _BAND
    apart, shown = front[band] - behind[band], image[band] - behind[band]
    by_mask = np.clip(0.5 + depth[band] / (2 * _MASK_EDGE), 0, 1)
    trust = 3 * _NOISE**2
    share = ((shown * apart).sum(-1) + trust * by_mask) / (np.square(apart).sum(-1) + trust)
    alpha = person.astype(np.float32)
    alpha[band] = np.clip((share - _ENDS) / (1 - 2 * _ENDS), 0, 1)
    return Matte(alpha, behind)


def _depth(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Distance to the outline, pixels, negative outside."""
    inside = mask.astype(np.uint8)
    return cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(
        1 - inside, cv2.DIST_L2, 5
    )


def _continued(
    values: np.ndarray, known: Bool[np.ndarray, "h w"], elsewhere: float
) -> Float32[np.ndarray, "h w 3"]:
    """Values of the known pixels, continued smoothly; at half the size, which is smooth enough."""
    height, width = known.shape
    half = (max(1, width // 2), max(1, height // 2))
    weight = known.astype(np.float32)
    total = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(values * weight[..., None], half, interpolation=cv2.INTER_AREA)
    means = sums / np.maximum(total, 1e-6)[..., None]
    filled = push_pull(means, np.maximum((total > 0).astype(np.float32), np.float32(elsewhere)))
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
