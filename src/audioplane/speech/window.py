"""The clock that every speech feature shares.

Features are first made at 50 steps a second: step m covers samples [320 m, 320 (m + 1)) and stands
for their middle. Video frame t covers [640 t, 640 (t + 1)); its window is the 16 steps 2t − 7 to
2t + 8, which is 320 ms centred on the frame's middle, (t + 0.5) / 25 s. The window reaches past
both ends of the sound: there the features are those of silence.
"""

import numpy as np
from jaxtyping import Float

SAMPLE_RATE = 16000
"""Samples a second of all speech."""
STEP = 320
"""Samples of one feature step: 20 ms."""
STEPS_PER_FRAME = 2
WINDOW = 16
"""Steps in the window of one frame: 320 ms."""
STEPS_BEFORE = WINDOW // 2 - STEPS_PER_FRAME // 2
"""Steps of a window before the first step of its frame; the sound's first step is preceded by
as many of silence."""


def frame_count(samples: int) -> int:
    """Whole video frames (25 a second) in a sound of so many samples; at least 1."""
    return max(1, samples // (STEP * STEPS_PER_FRAME))


def step_count(frames: int) -> int:
    """Steps that the windows of so many frames span, the silence around them included.

    The first of them is step −`STEPS_BEFORE` of the sound.
    """
    return STEPS_PER_FRAME * (frames - 1) + WINDOW


def windows(steps: Float[np.ndarray, "s f"]) -> Float[np.ndarray, "t w f"]:
    """Cut steps, as `step_count` counts them, into one window of `WINDOW` steps a frame."""
    view = np.lib.stride_tricks.sliding_window_view(steps, WINDOW, axis=0)[::STEPS_PER_FRAME]
    return view.transpose(0, 2, 1).copy()


def peer_windows(steps: Float[np.ndarray, "s f"]) -> Float[np.ndarray, "t w f"]:
    """Cut steps, two for each frame, into windows as the AD-NeRF family does.

    The window of frame t is the steps 2t − 8 to 2t + 7, with zeros past both ends of the sound.
    """
    padded = np.pad(steps, ((WINDOW // 2, WINDOW // 2), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=0)
    return view[:-1:STEPS_PER_FRAME].transpose(0, 2, 1).copy()
