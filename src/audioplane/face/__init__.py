"""Whoever looks at faces: landmarks, axes, regions, shots."""
