"""Feature kind `phones`: 39 phones of English and silence, from pocketsphinx.

The acoustic and the phone language model lie inside the pocketsphinx wheel, so nothing is fetched.
The decoder gives one phone every 10 ms; its one-hot vector, smoothed over time, stands for a
posterior. Wrong phones mostly have the same mouth shape, in other languages too.
"""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Int

from audioplane.clock import SAMPLE_RATE
from audioplane.errors import SpeechError
from audioplane.speech.kinds import Chunks, FeatureKind
from audioplane.speech.level import BLOCK, RunningLevel
from audioplane.speech.sound import Speech
from audioplane.speech.step_stream import AFTER_FRAME, StepStream, StreamStatistics
from audioplane.speech.window import STEP, STEPS_BEFORE, WINDOW, step_count, window_chunks

if TYPE_CHECKING:
    from pocketsphinx import Decoder

NAME = "phones"
PHONES = tuple(
    "SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW "
    "V W Y Z ZH".split()
)
"""Columns of the features (ARPAbet); noises count as silence."""
SILENCE = 0
HOP = 160
"""Samples between the decoder's frames: 10 ms."""
FIRST_CENTRE = 0.0128
"""Middle of the decoder's first analysis window (25.6 ms), seconds."""
SMOOTHING = 0.03
"""Standard deviation of the smoothing in seconds: 70 ms wide at half its height."""
REACH = 9
"""Radius of the smoothing, decoder frames."""
CENTRE, SPREAD = 1 / len(PHONES), 0.13
"""Mean and standard deviation of a smoothed one-hot vector over speech."""
PIECE, OVERLAP = 30 * SAMPLE_RATE, SAMPLE_RATE
"""Samples decoded at a time, and those before and after that only give context: bounds the
decoder's memory, and lets its cepstral mean follow a change of speaker."""
DELAY = 6
"""Frames by which the decoder lags behind its input: its window and its deltas."""
LEARNT = 20 * SAMPLE_RATE
"""Samples of a known speaker for the cepstral mean."""
SETTLE = 10
"""Frames by which a stream's decoder must be ahead of a frame for its phone to be taken."""


def phone_windows(speech: Speech) -> Chunks:
    """Windows of smoothed phones, in chunks.

    Raises `SpeechError` where pocketsphinx or its models do not load.
    """
    return window_chunks(phone_steps(speech))


def phone_steps(speech: Speech) -> Iterator[Float32[np.ndarray, "_ 40"]]:
    """Steps, as many as `step_count`, the first `STEPS_BEFORE` steps early, in chunks."""
    missing, smoothing = step_count(speech.frames), _Smoothing()
    after = np.full(2 * (STEP // HOP * WINDOW + REACH), SILENCE)
    for phones in chain(decode_phones(speech), [after]):
        steps = smoothing.push(phones)[:missing]
        missing -= len(steps)
        yield steps


class _Smoothing:
    """Phones of every 10 ms in, steps out; `STEPS_BEFORE` steps of silence come first."""

    def __init__(self) -> None:
        # From the first frame that the smoothing of the next step reaches.
        self._phones = np.full(STEP // HOP * STEPS_BEFORE + REACH, SILENCE)

    def push(self, phones: Int[np.ndarray, " k"]) -> Float32[np.ndarray, "s 40"]:
        """The steps all of whose phones came."""
        self._phones = np.concatenate([self._phones, phones])
        steps = _smooth(self._phones)
        self._phones = self._phones[2 * len(steps) :]
        return steps

    def predict(self, phones: Int[np.ndarray, " k"]) -> Float32[np.ndarray, "s 40"]:
        """The steps that these phones would give if the last one went on. No state changes."""
        return _smooth(np.pad(np.concatenate([self._phones, phones]), (0, REACH), "edge"))


def _smooth(phones: Int[np.ndarray, " k"]) -> Float32[np.ndarray, "s 40"]:
    """Steps by as many phones as there are, the first in the middle of 2 `REACH` + 1 of them."""
    count = max(0, (len(phones) - 2 * REACH + 1) // 2)
    one_hot = np.eye(len(PHONES), dtype=np.float32)
    steps = np.zeros((count, len(PHONES)), np.float32)
    for lag, weight in enumerate(_kernel()):
        steps += weight * one_hot[phones[lag : lag + 2 * count : 2]]
    return ((steps - CENTRE) / SPREAD).astype(np.float32)


def _kernel() -> Float[np.ndarray, " k"]:
    """Weights of the decoder's frames 2m − REACH … 2m + REACH for step m, whose sum is 1."""
    offsets = np.arange(-REACH, REACH + 1) * (HOP / SAMPLE_RATE) + FIRST_CENTRE - 0.01
    weights = np.exp(-0.5 * (offsets / SMOOTHING) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def decode_phones(speech: Speech) -> Iterator[Int[np.ndarray, " _"]]:
    """Index into `PHONES` of every 10 ms, in chunks; frame k of all of them is centred on
    `FIRST_CENTRE` + k / 100 s."""
    gain, decoder = speech.gain, None
    end = speech.samples // HOP * HOP
    starts = range(0, end, PIECE)
    spans = ((max(0, s - OVERLAP), min(s + PIECE + OVERLAP, speech.samples)) for s in starts)
    for start, sound in zip(starts, speech.cut(spans), strict=True):
        phones = np.full((min(start + PIECE, end) - start) // HOP, SILENCE)
        if sound.any():
            decoder = decoder or _open_decoder()
            decoded = _decode_piece(decoder, sound * gain)[min(start, OVERLAP) // HOP :]
            phones[: len(decoded)] = decoded[: len(phones)]
        yield phones


def _open_decoder() -> "Decoder":
    """A decoder of phones, whose log is off. It keeps no state between utterances."""
    try:
        from pocketsphinx import Decoder, get_model_path

        return Decoder(
            hmm=get_model_path("en-us/en-us"),
            allphone=get_model_path("en-us/en-us-phone.lm.bin"),
            lm=None,
            dict=None,
            lw=2.0,
            pip=0.3,
            beam=1e-20,
            pbeam=1e-20,
            loglevel="FATAL",
        )
    except (ImportError, RuntimeError, ValueError) as e:
        raise SpeechError(
            f"pocketsphinx does not load ({e}): reinstall it, or use the speech features 'mel'"
        ) from e


def _decode_piece(decoder: "Decoder", piece: Float[np.ndarray, " n"]) -> Int[np.ndarray, " k"]:
    decoder.start_utt()
    decoder.process_raw(_pcm(piece), no_search=False, full_utt=True)
    decoder.end_utt()
    phones = np.full(len(piece) // HOP, SILENCE)
    for first, last, phone in _segments(decoder):
        phones[first : last + 1] = phone
    return phones


def _pcm(sound: Float[np.ndarray, " n"]) -> bytes:
    return np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16).tobytes()


_INDEX = {name: i for i, name in enumerate(PHONES)}


def _segments(decoder: "Decoder", since: int = 0) -> list[tuple[int, int, int]]:
    """First frame, last frame and phone of each segment of a decoder's best path that does not end
    before frame `since`."""
    ends = ((segment, segment.end_frame) for segment in decoder.seg() or ())
    return [(s.start_frame, end, _INDEX.get(s.word, SILENCE)) for s, end in ends if end >= since]


class PhoneStream(StepStream):
    """`phone_steps` of a sound that arrives in pieces.

    The decoder runs along, and a frame's phone is taken when `SETTLE` more frames were decoded: by
    then nine in ten agree with a decoding of the whole (docs/decisions/serve.md).
    """

    look_ahead = AFTER_FRAME - STEP + (REACH + SETTLE + DELAY + 1) * HOP

    def __init__(self, statistics: StreamStatistics):
        self._decoder = _open_decoder()
        if cepstra := statistics.own.get(NAME):
            self._decoder.set_cmn(cepstra)
        self._level = RunningLevel(statistics.level)
        self._sound = np.zeros(0, np.float32)
        self._smoothing = _Smoothing()
        self._taken = 0
        """Frames of the sound whose phones are taken."""
        self._recent = b""
        self._begin(0)

    @classmethod
    def learn(cls, speech: Speech, statistics: StreamStatistics) -> StreamStatistics:
        """Add the decoder's cepstral mean of the first 20 s."""
        stream = cls(statistics)
        stream.push(next(speech.cut([(0, min(LEARNT, speech.samples))])))
        return statistics.with_own(NAME, stream._decoder.get_cmn(True))

    def _begin(self, first: int) -> None:
        """Start an utterance whose frame 0 is frame `first` of the sound."""
        self._decoder.start_utt()
        self._first, self._fed = first, 0

    def _feed(self, pcm: bytes) -> None:
        self._decoder.process_raw(pcm, no_search=False, full_utt=False)
        self._fed += len(pcm) // 2

    def push(self, sound: Float[np.ndarray, " n"]) -> Float[np.ndarray, "s 40"]:
        self._sound = np.concatenate([self._sound, sound])
        steps = [np.zeros((0, len(PHONES)), np.float32)]
        blocks = len(self._sound) // BLOCK
        for i in range(blocks):
            block = self._sound[i * BLOCK : (i + 1) * BLOCK]
            self._level.update(float(block @ block) / BLOCK)
            pcm = _pcm(block * self._level.gain)
            self._recent = (self._recent + pcm)[-2 * OVERLAP :]
            self._feed(pcm)
            if self._fed >= PIECE + OVERLAP:
                steps.append(self._take())
                self._decoder.end_utt()
                self._begin(self._first + (self._fed - len(self._recent) // 2) // HOP)
                self._feed(self._recent)
        self._sound = self._sound[blocks * BLOCK :]
        if blocks:
            steps.append(self._take())
        return np.concatenate(steps)

    def _take(self) -> Float[np.ndarray, "s 40"]:
        """The steps of the phones that are settled by now."""
        ahead = self._ahead()
        settled = max(0, len(ahead) - SETTLE)
        self._taken += settled
        return self._smoothing.push(ahead[:settled])

    def _ahead(self) -> Int[np.ndarray, " k"]:
        """Phones after those that are taken, by the best path so far."""
        segments = _segments(self._decoder, self._taken - self._first)
        end = self._first + segments[-1][1] + 1 if segments else 0
        phones = np.full(max(0, end - self._taken), SILENCE)
        for first, last, phone in segments:
            first, last = (max(0, self._first + f - self._taken) for f in (first, last + 1))
            phones[first:last] = phone
        return phones

    def predict(self) -> Float[np.ndarray, "s 40"]:
        return self._smoothing.predict(self._ahead())


KIND = FeatureKind(NAME, phone_windows, len(PHONES), "phones by pocketsphinx", stream=PhoneStream)
