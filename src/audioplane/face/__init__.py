"""Face analysis: landmarks, axes, regions, shots."""
