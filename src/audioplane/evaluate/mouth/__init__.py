"""Reading of mouths from images."""
