"""A first verdict on a clip, from a few stretches of it, before the long work."""

from audioplane.preflight.check import Preflight, check_clip
from audioplane.preflight.page import write_page

__all__ = ["Preflight", "check_clip", "write_page"]
