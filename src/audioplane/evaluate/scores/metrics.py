"""Metrics of 8-bit images; whole frame or inside a box.

Symbols: μ local mean, σ² local variance, σ_xy local covariance, all under the Gaussian window.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from audioplane.face.regions import Box

Image = UInt8[np.ndarray, "h w 3"]

PSNR_CAP = 100.0
"""What identical images score, dB: the mean over frames has to stay a number."""
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_MARGIN = SSIM_WINDOW // 2
"""Pixels at the border of a frame that have no SSIM."""
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def crop(image: np.ndarray, box: Box | None) -> np.ndarray:
    """The part of an image inside a box; all of it for None."""
    if box is None:
        return image
    left, top, right, bottom = box
    return image[top:bottom, left:right]


def l1(image: Image, truth: Image, box: Box | None = None) -> float:
    """Mean absolute difference, 0 to 1."""
    return float(cv2.absdiff(crop(image, box), crop(truth, box)).mean()) / 255


def psnr(image: Image, truth: Image, box: Box | None = None) -> float:
    """Peak signal-to-noise ratio, dB, over all pixels and channels; at most `PSNR_CAP`."""
    return _psnr(crop(image, box), crop(truth, box))


def masked_psnr(image: Image, truth: Image, mask: Bool[np.ndarray, "h w"]) -> float:
    """The same over the pixels of a mask."""
    return _psnr(image[mask], truth[mask])


def _psnr(values: UInt8[np.ndarray, "*n"], truth: UInt8[np.ndarray, "*n"]) -> float:
    mse = np.square(values.astype(np.float64) - truth).mean() / 255**2
    return min(PSNR_CAP, float(-10 * np.log10(mse))) if mse > 0 else PSNR_CAP


def ssim_map(image: Image, truth: Image) -> Float[np.ndarray, "y x"]:
    """Structural similarity of every pixel whose window lies inside the frame (Wang et al. 2004).

    Gaussian window of 11 pixels with σ = 1.5, K = (0.01, 0.03), no downsampling. Each colour
    channel is scored by itself and the three are averaged, as in 3D Gaussian splatting.

    Returns:
        [h − 10, w − 10], −1 to 1: `SSIM_MARGIN` pixels are missing on every side. Empty where the
        frame is smaller than the window.
    """
    if min(image.shape[:2]) < SSIM_WINDOW:
        return np.empty((0, 0))
    x, y = image.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    var_x = _local_mean(x * x) - mean_x**2
    var_y = _local_mean(y * y) - mean_y**2
    cov = _local_mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2 * cov + _C2) / (var_x + var_y + _C2)
    return (luminance * structure).mean(-1)


def mean_ssim(scores: Float[np.ndarray, "y x"], box: Box | None = None) -> float:
    """Mean of an `ssim_map`, or of its part inside a box, given in the frame's pixels; NaN where
    there is none."""
    if box is not None:
        left, top, right, bottom = (max(0, edge - SSIM_MARGIN) for edge in box)
        scores = scores[top:bottom, left:right]
    return float(scores.mean()) if scores.size else float("nan")


def _local_mean(image: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "y x 3"]:
    kernel = cv2.getGaussianKernel(SSIM_WINDOW, SSIM_SIGMA)
    m = SSIM_MARGIN
    return cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel)[m:-m, m:-m]
