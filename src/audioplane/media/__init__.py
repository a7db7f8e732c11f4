"""The only code that decodes or encodes video, sound and images."""
