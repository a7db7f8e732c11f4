"""Which phone is spoken when: 39 phones of English and silence, from pocketsphinx.

The acoustic and the phone language model lie inside the pocketsphinx wheel, so nothing is fetched.
The decoder names one phone every 10 ms; a one-hot vector of that, smoothed over time, is what a
posterior would look like. Wrong phones are mostly of the same mouth shape, and the decoder runs
on any language: it is a listener who writes down everything as English.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from audioplane.errors import SpeechError
from audioplane.speech.level import BLOCK, TARGET_DB, RunningLevel, speech_gain
from audioplane.speech.voice import Voice
from audioplane.speech.window import (
    SAMPLE_RATE,
    STEPS_BEFORE,
    frame_count,
    step_count,
    windows,
)

if TYPE_CHECKING:
    from pocketsphinx import Decoder

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
"""Decoder frames that the smoothing reaches to either side."""
CENTRE, SPREAD = 1 / len(PHONES), 0.13
"""Mean and standard deviation of a smoothed one-hot vector over speech."""
PIECE, OVERLAP = 30 * SAMPLE_RATE, SAMPLE_RATE
"""Samples decoded at a time, and those before and after that only give context: bounds the
decoder's memory, and lets its cepstral mean follow a change of speaker."""
SETTLE = 10
"""Frames that the decoder of a stream has to be ahead of one before that one's phone is taken."""


def phone_features(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "t 16 40"]:
    """Smoothed phones of speech at 16 kHz in [−1, 1], one row a video frame.

    Raises `SpeechError` where pocketsphinx or its models do not load.
    """
    return windows(phone_steps(waveform))


def phone_steps(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "s 40"]:
    """Normalised phones, as many as `step_count`, the first `STEPS_BEFORE` steps early."""
    count = step_count(frame_count(len(waveform)))
    phones = decode_phones(waveform)
    # Row 2m − `before` of `padded` is the decoder's frame 2m − REACH for the first step m.
    before = 2 * STEPS_BEFORE + REACH
    after = max(0, 2 * count + 2 * REACH - before - len(phones))
    return _smooth(np.pad(phones, (before, after), constant_values=SILENCE), count)


def _smooth(padded: Int[np.ndarray, " k"], count: int) -> Float[np.ndarray, "s 40"]:
    """Features of `count` steps, the first of which is in the middle of 2 `REACH` + 1 phones."""
    one_hot = np.eye(len(PHONES), dtype=np.float32)
    steps = np.zeros((count, len(PHONES)), np.float32)
    for lag, weight in enumerate(_kernel()):
        steps += weight * one_hot[padded[lag : lag + 2 * count : 2]]
    return ((steps - CENTRE) / SPREAD).astype(np.float32)


def _kernel() -> Float[np.ndarray, " k"]:
    """Weights of the decoder's frames 2m − REACH … 2m + REACH for step m, whose sum is 1."""
    offsets = np.arange(-REACH, REACH + 1) * (HOP / SAMPLE_RATE) + FIRST_CENTRE - 0.01
    weights = np.exp(-0.5 * (offsets / SMOOTHING) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def decode_phones(waveform: Float[np.ndarray, " n"]) -> Int[np.ndarray, " k"]:
    """Index into `PHONES` of every 10 ms; frame k is centred on `FIRST_CENTRE` + k / 100 s."""
    gain = speech_gain(waveform)
    phones = np.full(len(waveform) // HOP, SILENCE)
    decoder = None
    for start in range(0, len(phones) * HOP, PIECE):
        low = max(0, start - OVERLAP)
        piece = waveform[low : start + PIECE + OVERLAP] * gain
        if not piece.any():
            continue
        decoder = decoder or _open_decoder()
        decoded = _decode_piece(decoder, piece)[(start - low) // HOP :]
        room = phones[start // HOP : (start + PIECE) // HOP]
        room[: len(decoded)] = decoded[: len(room)]
    return phones


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
    for first, last, phone in _heard(decoder):
        phones[first : last + 1] = phone
    return phones


def _pcm(sound: Float[np.ndarray, " n"]) -> bytes:
    return np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16).tobytes()


def _heard(decoder: "Decoder") -> list[tuple[int, int, int]]:
    """First frame, last frame and phone of what a decoder's best path holds."""
    index = {name: i for i, name in enumerate(PHONES)}
    segments = decoder.seg() or ()
    return [(s.start_frame, s.end_frame, index.get(s.word, SILENCE)) for s in segments]


class PhoneSteps:
    """`phone_steps` of a sound that arrives in pieces.

    The decoder runs along, and a frame's phone is taken when `SETTLE` more frames were decoded: by
    then nine in ten agree with a decoding of the whole (docs/decisions/serve.md).
    """

    def __init__(self, voice: Voice | None = None, follow: bool = True):
        """Starts from `voice` (None: typical speech). `follow`: let the level follow the sound."""
        self._decoder = _open_decoder()
        if voice and voice.cepstra:
            self._decoder.set_cmn(voice.cepstra)
        self._level = RunningLevel(voice.level if voice else 10 ** (TARGET_DB / 10), follow)
        self._sound = np.zeros(0, np.float32)
        # From the first frame that the smoothing of the next step reaches.
        self._phones = np.full(2 * STEPS_BEFORE + REACH, SILENCE)
        self._taken = 0
        """Frames of the sound whose phones are taken."""
        self._recent = b""
        self._begin(0)

    def _begin(self, first: int) -> None:
        """Start an utterance whose frame 0 is frame `first` of the sound."""
        self._decoder.start_utt()
        self._first, self._fed = first, 0

    def _feed(self, pcm: bytes) -> None:
        self._decoder.process_raw(pcm, no_search=False, full_utt=False)
        self._fed += len(pcm) // 2

    def push(self, sound: Float[np.ndarray, " n"]) -> Float[np.ndarray, "s 40"]:
        """The steps that are settled now; the first `STEPS_BEFORE` are silence."""
        self._sound = np.concatenate([self._sound, sound])
        blocks = len(self._sound) // BLOCK
        for i in range(blocks):
            block = self._sound[i * BLOCK : (i + 1) * BLOCK]
            self._level.hear(float(block @ block) / BLOCK)
            pcm = _pcm(block * self._level.gain)
            self._recent = (self._recent + pcm)[-2 * OVERLAP :]
            self._feed(pcm)
            if self._fed >= PIECE + OVERLAP:
                self._take()
                self._decoder.end_utt()
                self._begin(self._first + (self._fed - len(self._recent) // 2) // HOP)
                self._feed(self._recent)
        self._sound = self._sound[blocks * BLOCK :]
        if blocks:
            self._take()
        return self._steps()

    def _take(self) -> None:
        """Keep the phones that are settled by now."""
        ahead = self._ahead()
        settled = max(0, len(ahead) - SETTLE)
        self._phones = np.concatenate([self._phones, ahead[:settled]])
        self._taken += settled

    def _ahead(self) -> Int[np.ndarray, " k"]:
        """Phones after those that are taken, by the best path so far."""
        heard = _heard(self._decoder)
        end = self._first + heard[-1][1] + 1 if heard else 0
        phones = np.full(max(0, end - self._taken), SILENCE)
        for first, last, phone in heard:
            first, last = (max(0, self._first + f - self._taken) for f in (first, last + 1))
            phones[first:last] = phone
        return phones

    def guess(self) -> Float[np.ndarray, "s 40"]:
        """The steps up to what was heard last, by phones that may still change."""
        phones = np.concatenate([self._phones, self._ahead()])
        phones = np.pad(phones, (0, REACH), "edge")
        return _smooth(phones, max(0, (len(phones) - 2 * REACH + 1) // 2))

    def _steps(self) -> Float[np.ndarray, "s 40"]:
        count = max(0, (len(self._phones) - 2 * REACH + 1) // 2)
        steps = _smooth(self._phones, count)
        self._phones = self._phones[2 * count :]
        return steps

    @property
    def cepstra(self) -> str:
        """The cepstral mean of what was heard, for the `Voice` of another stream."""
        return self._decoder.get_cmn(True)
