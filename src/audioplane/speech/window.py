"""Steps and windows of speech features.

Features have 50 steps a second: step m covers samples [320 m, 320 (m + 1)).
Video frame t covers [640 t, 640 (t + 1)); its window is the 16 steps 2t − 7 to
2t + 8, which is 320 ms centred on the frame's middle, (t + 0.5) / 25 s. The window reaches past
both ends of the sound: there the features are those of silence.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float

from audioplane.clock import FRAME_SAMPLES

STEPS_PER_FRAME = 2
STEP = FRAME_SAMPLES // STEPS_PER_FRAME
"""Samples of one feature step: 320, 20 ms."""
WINDOW = 16
"""Steps in the window of one frame: 320 ms."""
STEPS_BEFORE = WINDOW // 2 - STEPS_PER_FRAME // 2
"""Steps of a window before the first step of its frame; the sound's first step is preceded by
as many of silence."""


def frame_count(samples: int) -> int:
    """Whole video frames (25 a second) in a sound of `samples`; at least 1."""
    return max(1, samples // FRAME_SAMPLES)


def step_count(frames: int) -> int:
    """Steps that the windows of `frames` span, the silence around them included.

    The first of them is step −`STEPS_BEFORE` of the sound.
    """
    return STEPS_PER_FRAME * (frames - 1) + WINDOW


def windows(steps: Float[np.ndarray, "s f"]) -> Float[np.ndarray, "t w f"]:
    """Cut steps, as `step_count` counts them, into one window of `WINDOW` steps a
    frame. Neighbours share 14 steps, so this is eight times as large."""
    view = np.lib.stride_tricks.sliding_window_view(steps, WINDOW, axis=0)[::STEPS_PER_FRAME]
    return view.transpose(0, 2, 1).copy()


def window_chunks(
    chunks: Iterable[Float[np.ndarray, "_ f"]],
) -> Iterator[Float[np.ndarray, "_ w f"]]:
    """`windows` of steps that come in chunks of consecutive ones, as soon as these are there."""
    steps = None
    for chunk in chunks:
        steps = chunk if steps is None else np.concatenate([steps, chunk])
        count = (len(steps) - WINDOW) // STEPS_PER_FRAME + 1
        if count > 0:
            yield windows(steps[: step_count(count)])
            steps = steps[STEPS_PER_FRAME * count :]


def centred_windows(
    steps: Float[np.ndarray, "s f"], frames: int, silence: float = 0.0
) -> Float[np.ndarray, "t w f"]:
    """Cut the steps of a sound of `frames`, from its first on, into windows; before, after
    and where steps are missing every feature is that of `silence`."""
    steps = steps[: STEPS_PER_FRAME * frames]
    after = step_count(frames) - STEPS_BEFORE - len(steps)
    return windows(np.pad(steps, ((STEPS_BEFORE, after), (0, 0)), constant_values=silence))


def prior_window_chunks(
    chunks: Iterable[Float[np.ndarray, "_ f"]],
) -> Iterator[Float[np.ndarray, "_ w f"]]:
    """Cut the steps of a sound, two for each frame, into windows as the AD-NeRF family does.

    The window of frame t is the steps 2t − 8 to 2t + 7, with zeros past both ends of the sound.
    """
    return window_chunks(_between_zeros(chunks, WINDOW // 2, WINDOW // 2 - STEPS_PER_FRAME))


def _between_zeros(
    chunks: Iterable[Float[np.ndarray, "_ f"]], before: int, after: int
) -> Iterator[Float[np.ndarray, "_ f"]]:
    """The same steps with rows of zeros before the first and after the last."""
    size = None
    for chunk in chunks:
        if size is None:
            size = chunk.shape[1]
            yield np.zeros((before, size), np.float32)
        yield chunk
    yield np.zeros((after, size or 0), np.float32)
