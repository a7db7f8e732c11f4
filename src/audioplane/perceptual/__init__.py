"""LPIPS, a learned distance of two images."""

from audioplane.perceptual.lpips import LPIPS, SMALLEST_SIDE
from audioplane.perceptual.weights import Net

__all__ = ["LPIPS", "SMALLEST_SIDE", "Net"]
