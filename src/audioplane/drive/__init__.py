"""Driving: frames from a trained head and speech, composited over torso and background."""

from audioplane.drive.animator import Animator, DrivenFrame, ping_pong
from audioplane.drive.talker import Talker, TalkerStream, WrittenVideo

__all__ = ["Animator", "DrivenFrame", "Talker", "TalkerStream", "WrittenVideo", "ping_pong"]
