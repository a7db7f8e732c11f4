"""Features of a sound that is still being spoken, each window once its look-ahead is heard."""

import numpy as np
from jaxtyping import Float

from audioplane.errors import SpeechError
from audioplane.speech.level import active_blocks, block_power
from audioplane.speech.mel import FRAME, MelSteps, speech_bands, typical_voice
from audioplane.speech.phones import HOP, REACH, SETTLE, PhoneSteps
from audioplane.speech.voice import Voice
from audioplane.speech.window import SAMPLE_RATE, STEP, STEPS_PER_FRAME, WINDOW, windows

LEARNT = 60 * SAMPLE_RATE
"""Samples of a known speaker that are listened to; cepstra are learnt from a third of them."""
_AFTER = (WINDOW // 2) * STEP - STEPS_PER_FRAME * STEP // 2
"""Samples by which a window's last step begins after its frame's end, and that step's own."""
_DECODER = 6
"""Frames of 10 ms that pocketsphinx stays behind what it was fed: its window and its deltas."""
MEL_AHEAD = _AFTER + FRAME // 4
PHONES_AHEAD = _AFTER - STEP + (REACH + SETTLE + _DECODER + 1) * HOP
"""Samples that have to be heard after a frame's end before its window is known."""


StepStream = MelSteps | PhoneSteps
"""Sound in, the feature steps that are complete out; `STEPS_BEFORE` steps of silence first."""


class SpeechStream:
    """`compute_features`, piece by piece. `open_stream` makes it.

    Level and band means are the running ones of what was heard, where `compute_features` takes
    those of the whole sound: given the same means (`follow=False`) mel bands are the same.
    """

    def __init__(self, parts: list[StepStream], look_ahead: int):
        self._parts = parts
        self._steps = [np.zeros((0, 0), np.float32)] * len(parts)
        self.look_ahead = look_ahead
        """Samples after a frame's end that have to be heard before its window is known."""
        self.heard = 0
        """Samples that were pushed."""
        self._given = 0

    def push(self, sound: Float[np.ndarray, " n"]) -> Float[np.ndarray, "t w f"]:
        """Windows of the frames that are known now, for 16 kHz sound of any length.

        Raises `SpeechError` for samples that are not finite.
        """
        if not np.isfinite(sound).all():
            raise SpeechError("the sound holds samples that are not numbers")
        self.heard += len(sound)
        for i, part in enumerate(self._parts):
            steps = part.push(sound)
            kept = self._steps[i]
            self._steps[i] = np.concatenate([kept, steps]) if kept.size else steps
        count = max(0, (min(map(len, self._steps)) - WINDOW) // STEPS_PER_FRAME + 1)
        if not count:
            return np.zeros((0, WINDOW, sum(s.shape[1] for s in self._steps)), np.float32)
        span = STEPS_PER_FRAME * (count - 1) + WINDOW
        joined = windows(np.concatenate([steps[:span] for steps in self._steps], 1))
        self._steps = [steps[STEPS_PER_FRAME * count :] for steps in self._steps]
        self._given += count
        return joined

    def foreseen(self, count: int) -> Float[np.ndarray, "t w f"]:
        """The next so many windows as they look by now: a part's best guess of what it has heard,
        and then its last step again and again. Nothing of it is kept."""
        span = STEPS_PER_FRAME * (count - 1) + WINDOW
        columns = []
        for part, kept in zip(self._parts, self._steps, strict=True):
            guessed = part.guess()
            steps = np.concatenate([kept, guessed]) if kept.size else guessed
            columns.append(np.pad(steps[:span], ((0, max(0, span - len(steps))), (0, 0)), "edge"))
        return windows(np.concatenate(columns, 1))

    def finish(self) -> Float[np.ndarray, "t w f"]:
        """Windows of the frames up to the end of what was heard. Nothing can be pushed after."""
        missing = max(1, self.heard // (STEP * STEPS_PER_FRAME)) - self._given
        return self.push(np.zeros(self.look_ahead + STEP * STEPS_PER_FRAME, np.float32))[:missing]


def open_stream(kind: str, voice: Voice | None = None, follow: bool = True) -> SpeechStream:
    """A stream of one kind of features.

    Args:
        kind: A name in `KINDS`.
        voice: What is known of speaker and microphone; None for typical speech.
        follow: Let level and band means follow what is heard.

    Raises:
        SpeechError: This kind cannot be streamed.
    """
    if kind == "mel":
        return SpeechStream([MelSteps(voice, follow)], MEL_AHEAD)
    if kind == "phones":
        return SpeechStream([PhoneSteps(voice, follow)], PHONES_AHEAD)
    if kind == "mel+phones":
        return SpeechStream([MelSteps(voice, follow), PhoneSteps(voice, follow)], PHONES_AHEAD)
    raise SpeechError(
        f"speech features '{kind}' cannot be computed while somebody speaks: train a head on mel, "
        "phones or mel+phones, which can, or drive this one from a file"
    )


def learn_voice(speech: Float[np.ndarray, " n"], kind: str) -> Voice:
    """What a stream of features of this kind has to know of the speaker in a recording."""
    speech = speech[:LEARNT]
    active = block_power(speech)[active_blocks(speech)]
    if not len(active):
        return typical_voice()
    voice = Voice(float(active.mean()), speech_bands(speech))
    if "phones" not in kind:
        return voice
    phones = PhoneSteps(voice)
    phones.push(speech[: LEARNT // 3])
    return Voice(voice.level, voice.bands, phones.cepstra)
