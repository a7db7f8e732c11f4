"""Decoding and encoding of video, sound and images; no other package does either."""
