"""Segmentation of frames into head, neck, torso and background."""
