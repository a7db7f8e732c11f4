"""Preflight: a first verdict on a clip from a few stretches of it."""

from audioplane.preflight.check import Preflight, check_video
from audioplane.preflight.page import PREFLIGHT_PAGE, write_page

__all__ = ["PREFLIGHT_PAGE", "Preflight", "check_video", "write_page"]
