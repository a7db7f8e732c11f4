"""audioplane: audio-driven talking heads of dynamic 3D Gaussians (Audio-Plane)."""

__version__ = "0.1.0"
