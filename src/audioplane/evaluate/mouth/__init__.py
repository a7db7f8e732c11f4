"""Mouths read off images."""
