"""Cameras and the differentiable rasterizer. It knows nothing of faces or audio."""

from audioplane.splat.rasterize import rasterize
from audioplane.splat.types import Splat

__all__ = ["Splat", "rasterize"]
