"""Video to subject: face, pose, parsing, background and torso."""

from audioplane.prepare.pipeline import PrepareOptions, prepare_subject
from audioplane.prepare.progress import STAGES, StageProgress

__all__ = ["STAGES", "PrepareOptions", "StageProgress", "prepare_subject"]
