"""Preparation of a video as a subject: face, pose, masks, background and torso."""

from audioplane.prepare.complete import complete_subject
from audioplane.prepare.expression import with_expression
from audioplane.prepare.options import PrepareOptions
from audioplane.prepare.pipeline import STAGES, prepare_subject
from audioplane.prepare.pose.body import track_body, with_body

__all__ = [
    "STAGES",
    "PrepareOptions",
    "complete_subject",
    "prepare_subject",
    "track_body",
    "with_body",
    "with_expression",
]
