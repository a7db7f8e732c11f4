"""Metrics of images, lips, sound and expression."""
