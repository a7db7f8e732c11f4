"""Driving: frames from a trained head and speech, composited over torso and background."""

from audioplane.drive.animator import Animator, DrivenFrame
from audioplane.drive.talker import Talker, TalkerStream, WrittenVideo
from audioplane.drive.upper_face import FaceOptions

__all__ = [
    "Animator",
    "DrivenFrame",
    "FaceOptions",
    "Talker",
    "TalkerStream",
    "WrittenVideo",
]
