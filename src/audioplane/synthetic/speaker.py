"""Synthetic speakers: voices of their own, and the lips that go with what they say, without images.

They teach an audio encoder how lips follow sounds before it hears a person (`train.prior`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from audioplane.clock import FPS, FRAME_SAMPLES
from audioplane.synthetic.face import pose_face
from audioplane.synthetic.landmarks import landmark_points
from audioplane.synthetic.motion import articulate
from audioplane.synthetic.script import chatter
from audioplane.synthetic.voice import Voice, synthesize

_SECONDS = 45.0
_PIXELS = 1500.0
"""Pixels a metre, as a camera would show the landmarks of a face that fills 300 pixels."""


@dataclass(frozen=True)
class SyntheticSpeaker:
    """What one of them said, and how the face moved."""

    waveform: Float32[np.ndarray, " n"]
    """16 kHz, 640 samples a frame."""
    landmarks: Float64[np.ndarray, "t 68 2"]
    """iBUG points of a face that looks straight ahead, pixels; 25 a second."""


def synthetic_speaker(seed: int) -> SyntheticSpeaker:
    """A speaker of some 45 s. The same seed, the same bytes."""
    rng = np.random.default_rng([seed, 6])
    voice = Voice(
        tract=rng.uniform(0.86, 1.2),
        bandwidth=rng.uniform(0.7, 1.5),
        pitch=rng.uniform(0.66, 1.8),
        breath=rng.uniform(0.5, 2.0),
    )
    timed = chatter(rng, _SECONDS, slowness=rng.uniform(0.8, 1.1))
    frames = int(timed[-1].end * FPS)
    still = np.zeros(2)
    points = np.stack(
        [
            landmark_points(pose_face(mouth, still, 0.0, still))
            for mouth in articulate(timed, frames).stack()
        ]
    )
    waveform = synthesize(timed, seed, voice)[: frames * FRAME_SAMPLES]
    return SyntheticSpeaker(waveform, _PIXELS * points[..., :2])
