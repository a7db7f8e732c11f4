"""A trained head and speech become frames, composited over torso and background."""

from audioplane.drive.animator import Animator, DrivenFrame, ping_pong

__all__ = ["Animator", "DrivenFrame", "ping_pong"]
