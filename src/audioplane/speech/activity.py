"""Where somebody speaks, told from noise, breath and music by the recogniser of phones.

Loudness does not tell speech from music, nor from a breath. The recogniser does: it hears phones in
speech of any voice and language, and none elsewhere (docs/decisions/speech.md). A mouth is at rest
where none is heard near: it opens ahead of the first phone, and after the last one it stays open
as long as the sound goes on as loud, but not for long. For p, b and m it closes, as far as it does
at rest.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Float32

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import SpeechError
from audioplane.speech.ipa import LiveRecogniser, any_phone, closed_phone, phone_probabilities
from audioplane.speech.sound import Speech
from audioplane.speech.spoken import CLOSED_LEAD
from audioplane.speech.step_stream import StreamStatistics
from audioplane.speech.window import STEP, STEPS_PER_FRAME

HEARD = 0.3
"""Probability of all phones together from which a step holds one."""
LEAD = 10
"""Steps (0.2 s) before a phone's peak from which the mouth may open for it."""
HOLD, LONGEST = 1, 10
"""Steps after the last phone's peak in which the mouth still speaks, and in which it does while the
sound goes on (0.2 s): a drawn vowel peaks at its beginning."""
SHORT = 60
"""Steps (1.2 s) between two phones up to which a file's pause belongs to the speech: there people
breathe, and open the mouth. What is live cannot know how long a pause will be."""
EASE = 2
"""Frames in which the mouth comes to rest, or leaves it."""
DRAWN = 10 ** (-8 / 10)
"""Power over the speech's mean from which a sound may be a drawn vowel: 8 dB below."""
CLOSES = 0.4
"""Probability of p, b and m together from which the lips close."""
_CLOSING = 2.0
"""Steps (40 ms), standard deviation in time of a closure (docs/decisions/drive.md)."""
_CLOSED_LEAD = CLOSED_LEAD * SAMPLE_RATE / STEP
"""Steps before the peak of p, b or m at which the lips are closed."""


class RestGate:
    """Frame by frame, how much of the mouth's motion is speech: 1, or 0 at rest and where the lips
    have to close."""

    def __init__(self) -> None:
        self._phones: deque[int] = deque()
        """Steps that hold a phone, from the next frame on."""
        self._quiet: deque[int] = deque()
        """Steps less loud than a drawn vowel, likewise."""
        self._last_phone, self._last_quiet = -LONGEST - 1, -1
        self._closures: deque[int] = deque()
        """Steps that hold a phone whose lips close, from shortly before the next frame on."""
        self._known = self._measured = self._step = 0
        """Steps whose phones are known, whose loudness is, and before the next frame."""
        self._closures_known = 0
        """Steps of which it is known whether they hold one."""
        self._share = 0.0

    def close(self, closed: Bool[np.ndarray, " s"]) -> None:
        """Which of the next steps hold a phone whose lips close."""
        self._closures.extend((self._closures_known + np.flatnonzero(closed)).tolist())
        self._closures_known += len(closed)

    def hear(self, heard: Bool[np.ndarray, " s"]) -> None:
        """Which of the next steps hold a phone."""
        self._phones.extend((self._known + np.flatnonzero(heard)).tolist())
        self._known += len(heard)

    def measure(self, drawn: Bool[np.ndarray, " s"]) -> None:
        """Which of the next steps are as loud as a drawn vowel."""
        self._quiet.extend((self._measured + np.flatnonzero(~drawn)).tolist())
        self._measured += len(drawn)

    def share(
        self,
        ahead: Bool[np.ndarray, " s"] | None = None,
        closing: Bool[np.ndarray, " s"] | None = None,
    ) -> float:
        """The share of the next frame; `ahead` are phones expected after the known steps, and
        `closing` those whose lips close."""
        expected = [] if ahead is None else (self._known + np.flatnonzero(ahead)).tolist()
        speaks = False
        for step in range(self._step, self._step + STEPS_PER_FRAME):
            self._last_phone = _passed(self._phones, step, self._last_phone)
            self._last_quiet = _passed(self._quiet, step, self._last_quiet)
            near = [self._last_phone, *expected, *(list(self._phones)[:1])]
            last = max(phone for phone in near if phone <= step)
            held = HOLD if self._last_quiet > last else LONGEST
            speaks |= step - last <= held or any(0 < phone - step <= LEAD for phone in near)
        closed = self._closed(closing)
        self._step += STEPS_PER_FRAME
        towards = 1 / EASE if speaks else -1 / EASE
        self._share = min(1.0, max(0.0, self._share + towards))
        return self._share * (1 - closed)

    def _closed(self, closing: Bool[np.ndarray, " s"] | None) -> float:
        """How far the lips are closed in the middle of the next frame, 0 to 1."""
        peak = self._step + STEPS_PER_FRAME / 2 - 0.5 + _CLOSED_LEAD
        while self._closures and self._closures[0] < peak - 4 * _CLOSING:
            self._closures.popleft()
        steps = [*self._closures]
        if closing is not None:
            steps += (self._closures_known + np.flatnonzero(closing)).tolist()
        if not steps:
            return 0.0
        away = np.abs(np.array(steps) - peak).min() / _CLOSING
        return float(np.exp(-0.5 * away**2))


def _passed(steps: deque[int], now: int, last: int) -> int:
    """The last of `steps` up to now; removes them."""
    while steps and steps[0] <= now:
        last = steps.popleft()
    return last


def speech_shares(speech: Speech) -> Iterator[float]:
    """The share of every frame of a speech, in which short pauses are no rest; 1.2 s of it are
    held.

    Features that are read after this call share its recognition. The first share raises
    `SpeechError` where the recogniser is not installed.
    """
    return _shares(speech, phone_probabilities(speech))


def _shares(speech: Speech, probabilities: Iterator[Float32[np.ndarray, "_ 2"]]) -> Iterator[float]:
    gate, given, known = RestGate(), 0, 0
    drawn = speech.active & (speech.power >= DRAWN * (speech.level or 0.0))

    def phones() -> Iterator[Bool[np.ndarray, " _"]]:
        for chunk in probabilities:
            gate.close(chunk[:, 1] > CLOSES)
            yield chunk[:, 0] > HEARD

    for heard in _bridged(phones()):
        gate.hear(heard)
        gate.measure(drawn[known : known + len(heard)])
        known += len(heard)
        ready = min(speech.frames, (known - LEAD) // STEPS_PER_FRAME)
        for _ in range(given, ready):
            yield gate.share()
        given = max(given, ready)
    for _ in range(given, speech.frames):
        yield gate.share()


def _bridged(chunks: Iterable[Bool[np.ndarray, " _"]]) -> Iterator[Bool[np.ndarray, " _"]]:
    """Phones, and all steps of the short pauses between them."""
    held = np.zeros(0, bool)  # from a phone on after which another one may follow soon
    for chunk in chunks:
        heard = np.concatenate([held, chunk])
        phones, bridged = np.flatnonzero(heard), heard.copy()
        for before, after in pairwise(phones):
            if after - before <= SHORT:
                bridged[before:after] = True
        last = int(phones[-1]) if len(phones) else len(heard)
        end = last if len(heard) - last <= SHORT else len(heard)
        held = heard[end:]
        yield bridged[:end]
    yield held


class LiveGate:
    """The share of every frame of a sound that arrives in pieces, at its running level; rest in
    every pause."""

    def __init__(self, statistics: StreamStatistics, shared: LiveRecogniser | None = None):
        """`shared`: a recogniser along the same sound, which had every piece of it before `push`.

        Raises `SpeechError` where the recogniser is not installed.
        """
        self._is_shared, self._gate = shared is not None, RestGate()
        self._recogniser = shared or LiveRecogniser(statistics)

    def push(self, sound: Float[np.ndarray, " n"]) -> None:
        """Add the next samples at 16 kHz."""
        recogniser = self._recogniser
        recognised = recogniser.last if self._is_shared else recogniser.push(sound)
        self._gate.measure(recognised.loudness >= DRAWN)
        self._gate.hear(any_phone(recognised.probabilities) > HEARD)
        self._gate.close(closed_phone(recognised.probabilities) > CLOSES)

    def share(self) -> float:
        """The share of the next frame, by what came."""
        ahead = self._recogniser.ahead
        return self._gate.share(any_phone(ahead) > HEARD, closed_phone(ahead) > CLOSES)


def missing_recogniser() -> str:
    """Why `speech_shares` cannot be told here; "" where it can."""
    from audioplane.speech.recogniser import open_recogniser

    try:
        open_recogniser()
    except SpeechError as e:
        return str(e)
    return ""
