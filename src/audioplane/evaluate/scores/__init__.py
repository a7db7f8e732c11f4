"""Numbers for images, lips, sound and expression."""
