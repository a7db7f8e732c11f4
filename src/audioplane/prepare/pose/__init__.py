"""The head's pose in every frame, and the camera."""
