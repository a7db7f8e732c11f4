"""How different two pictures look, by LPIPS. It knows nothing of heads or subjects."""

from audioplane.perceptual.lpips import LPIPS, SMALLEST_SIDE
from audioplane.perceptual.patches import random_patches
from audioplane.perceptual.weights import Net

__all__ = ["LPIPS", "SMALLEST_SIDE", "Net", "random_patches"]
