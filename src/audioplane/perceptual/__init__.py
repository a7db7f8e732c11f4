"""LPIPS, a learned distance of two images."""

from audioplane.perceptual.lpips import LPIPS, SMALLEST_SIDE

__all__ = ["LPIPS", "SMALLEST_SIDE"]
