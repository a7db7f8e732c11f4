"""The synthetic subject: a generated head whose mouth and sound follow one script.

A script of phonemes moves the mouth and drives a formant synthesizer, so that image and sound
belong together and pose, mouth and masks are known to the last digit. The head is drawn by
sphere tracing, not by the rasterizer that it is used to judge. Its hair may be long and its body
may move; the truth of both is kept, and any other pose can be drawn.
"""

from audioplane.synthetic.make import (
    SyntheticSentence,
    SyntheticTruth,
    make_synthetic,
    make_synthetic_sentence,
)
from audioplane.synthetic.render import SyntheticFrame
from audioplane.synthetic.scene import SyntheticScene
from audioplane.synthetic.speaker import SyntheticSpeaker, synthetic_speaker

__all__ = [
    "SyntheticFrame",
    "SyntheticScene",
    "SyntheticSentence",
    "SyntheticSpeaker",
    "SyntheticTruth",
    "make_synthetic",
    "make_synthetic_sentence",
    "synthetic_speaker",
]
