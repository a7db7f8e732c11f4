"""Feature kind `ipa`: the phones of any language, by the multilingual recogniser.

The first columns are groups of IPA symbols that are made alike, so that languages share them; the
others say how they are made: lips closed, round, and so on. CTC marks where a phone begins by a
short peak, and is blank between: the peaks, smoothed over time, are the features.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from weakref import ref

import numpy as np
from jaxtyping import Float, Float32, Float64

from audioplane.clock import SAMPLE_RATE
from audioplane.speech.kinds import Chunks, FeatureKind
from audioplane.speech.level import BLOCK, RunningLevel
from audioplane.speech.sound import Speech
from audioplane.speech.step_stream import AFTER_FRAME, StepStream, StreamStatistics
from audioplane.speech.window import STEP, STEPS_BEFORE, step_count, window_chunks

NAME = "ipa"
SETTLED, AHEAD, PAST = 4, 6, 200
"""Steps that are recognised at a time, 80 ms; those ahead that they see, and those before."""
REACHED = 360
"""Samples from a step's first on that it is computed from."""
ARTICULATIONS = tuple(
    "closed nasal labiodental dental alveolar postalveolar back lateral rhotic round open front "
    "vowel".split()
)
"""How mouth and tongue make a sound: what sounds of all languages have in common."""
_TABLE = """
p pʰ p͈: closed | b ɓ: closed | m ɱ: closed nasal | f ɸ: labiodental | v ʋ β: labiodental
θ: dental | ð: dental | t tʰ t͈ ʈ: alveolar | d ɖ ɗ: alveolar | n ɲ ɴ: alveolar nasal
s s͈: alveolar front | z: alveolar front | ʃ ɕ ʂ: postalveolar round=.5
ʒ ʑ ʐ ʝ: postalveolar round=.5 | t͡ʃ t͡ɕ t͡ɕʰ t͡ɕ͈ c: postalveolar round=.5
d͡ʒ ɟ: postalveolar round=.5 | k kʰ k͈ x χ: back | g ɡ ɣ: back | ŋ: back nasal
h ħ ɦ ʔ ç: back open=.25 | l ɫ ɮ ʎ: alveolar lateral | ɹ ɻ: rhotic round=.5
r ɾ ɽ: alveolar | ʀ ʁ: back | w ɰ ʷ: round open=.25 | j: front open=.25
i ì ĩ ǐ: vowel front open=.25 | ɪ: vowel front open=.25 | e ẽ: vowel front open=.6
ɛ: vowel front open=.6 | æ: vowel front open | a à ã ä å ɐ: vowel open | ɑ ɒ: vowel open
ʌ ɜ: vowel open=.6 | ə ɘ: vowel open=.6 | ɝ ɚ: vowel rhotic round=.5 open=.6
ɔ: vowel round=.5 open=.6 | o õ ɤ: vowel round open=.6 | ʊ ɵ: vowel round open=.25
u ũ ʉ ɯ ɯi: vowel round open=.25 | y ʏ ø œ ɥ: vowel round front open=.4 | ɨ: vowel open=.25
aɪ: vowel front open | aʊ: vowel round=.5 open | eɪ: vowel front open=.6
oʊ: vowel round open=.6 | ɔɪ: vowel round open=.6 | ɪə eə: vowel front open=.4
ja je jo ju jʌ: vowel front open=.6 | wa we wi wʌ: vowel round open=.6
"""
"""Symbols of each group, and how they are made, fully or in part; length, tone and other marks
are in none."""
_ROWS = [row.split(":") for row in _TABLE.replace("|", "\n").strip().splitlines()]
GROUPS = tuple(tuple(symbols.split()) for symbols, _ in _ROWS)
"""Symbols of the first columns; a column for each of `ARTICULATIONS` follows."""
COLUMNS = len(GROUPS) + len(ARTICULATIONS)
CLOSED_COLUMN = len(GROUPS) + ARTICULATIONS.index("closed")
"""Of the phones for which the lips have to close."""
CLOSED = frozenset(
    symbol for symbols, made in _ROWS if "closed" in made.split() for symbol in symbols.split()
)
"""These phones: p, b, m and their kin."""
SMOOTHING, REACH = 2.0, 4
"""Standard deviation and radius of the smoothing, steps: 94 ms wide at half its height."""
CENTRES, SPREADS = (0.005, 0.035), (0.025, 0.064)
"""Mean and standard deviation over speech of smoothed groups and of smoothed articulations."""
_OPENINGS = {"open": 1.0, "closed": -0.6, "round": -0.3, "labiodental": -0.3}
"""What an articulation adds to the opening between the lips."""
CHUNK = 10 * SAMPLE_RATE
"""Samples recognised at a time."""
_SYMBOLS = (
    *"<pad> <sos> <eos> <unk> _ % , a aɪ aʊ b c d d͡ʒ e eə eɪ f g h i j ja je jo ju jʌ k kʰ k͈ l m n "
    "o oʊ p pʰ p͈ r s s͈ t tʰ t͈ t͡ɕ t͡ɕʰ t͡ɕ͈ t͡ʃ u v w wa we wi wʌ x y z ~ ² ³ ¹ à ã ä å æ ç ì ð ñ "
    "õ ø ħ ĩ ŋ œ ũ ǐ ɐ ɑ ɒ ɓ ɔ ɔɪ ɕ ɖ ɗ ɘ ə ɚ ɛ ɜ ɝ ɟ ɡ ɣ ɤ ɥ ɦ ɨ ɪ ɪə ɫ ɮ ɯ ɯi ɰ ɱ ɲ ɴ ɵ ɸ ɹ ɻ "
    "ɽ ɾ ʀ ʁ ʂ ʃ ʈ ʉ ʊ ʋ ʌ ʎ ʏ ʐ ʑ ʒ ʔ ʙ ʝ ʰ ʱ ʲ ʷ".split(),
    *["mark"] * 34,
    *"β θ χ mark mark mark ẽ".split(),
)
"""The network's symbols in its order (`_` is a space), up to the last that a group has."""


@cache
def symbol_columns() -> Float32[np.ndarray, "191 c"]:
    """What a symbol of the network gives each column."""
    from audioplane.speech.recogniser import SYMBOLS

    table = np.zeros((SYMBOLS, COLUMNS), np.float32)
    for column, (symbols, made) in enumerate(_ROWS):
        for symbol in symbols.split():
            row = table[_SYMBOLS.index(symbol)]
            row[column] = 1
            for word in made.split():
                name, _, share = word.partition("=")
                row[len(GROUPS) + ARTICULATIONS.index(name)] = float(share or 1)
    return table


@cache
def _phones() -> Float32[np.ndarray, "191"]:
    """1 for the symbols of `GROUPS`, which each are in one."""
    return symbol_columns()[:, : len(GROUPS)].sum(1)


@cache
def column_scales() -> tuple[Float32[np.ndarray, " c"], Float32[np.ndarray, " c"]]:
    """Mean and deviation of every column."""
    counts = (len(GROUPS), len(ARTICULATIONS))
    centres, spreads = (np.repeat(x, counts).astype(np.float32) for x in (CENTRES, SPREADS))
    return centres, spreads


def ipa_windows(speech: Speech) -> Chunks:
    """Windows of smoothed peaks, in chunks.

    Raises `SpeechError` where the recogniser does not load.
    """
    return window_chunks(ipa_steps(speech))


def ipa_steps(speech: Speech) -> Iterator[Float32[np.ndarray, "_ c"]]:
    """Steps, as many as `step_count`, the first `STEPS_BEFORE` steps early, in chunks."""
    missing, peaks = step_count(speech.frames), _Peaks()
    for probabilities in _probabilities(speech):
        steps = peaks.push(probabilities)[:missing]
        missing -= len(steps)
        yield steps


def symbol_peaks(speech: Speech) -> Iterator[tuple[int, str]]:
    """Steps of a sound at which its likeliest symbol is a phone, with that symbol.

    Raises `SpeechError` where the recogniser does not load.
    """
    first, phones = 0, {symbol for group in GROUPS for symbol in group}
    for chunk in _probabilities(speech):
        for step, index in enumerate(chunk.argmax(1), first):
            if index < len(_SYMBOLS) and _SYMBOLS[index] in phones:
                yield step, _SYMBOLS[index]
        first += len(chunk)


def phone_probabilities(speech: Speech) -> Iterator[Float32[np.ndarray, "_ 2"]]:
    """`any_phone` and `closed_phone` in every step of a sound, in chunks; at least as many as the
    sound has. Raises as `symbol_peaks` does.

    Features of kind `ipa` that are read after this call share the recognition.
    """
    chunks = _probabilities(speech)
    return (np.stack([any_phone(chunk), closed_phone(chunk)], 1) for chunk in chunks)


def lip_openings(speech: Speech) -> Float32[np.ndarray, " s"]:
    """How far apart a mouth's lips are for what is heard in every step, at least as many as the
    sound has: from −.6 at p, b and m to 1 at an open vowel, 0 where nothing is heard.

    A phone is heard as a short peak, shortly after the lips have its shape (`speech.spoken`).
    Raises `SpeechError` where the recogniser does not load.
    """
    shares = np.zeros(COLUMNS, np.float32)
    for name, share in _OPENINGS.items():
        shares[len(GROUPS) + ARTICULATIONS.index(name)] = share
    by_symbol = symbol_columns() @ shares
    return np.concatenate([chunk @ by_symbol for chunk in _probabilities(speech)])


def any_phone(probabilities: Float32[np.ndarray, "s 191"]) -> Float32[np.ndarray, " s"]:
    """Probability of any of the phones of `GROUPS`."""
    return probabilities @ _phones()


def closed_phone(probabilities: Float32[np.ndarray, "s 191"]) -> Float32[np.ndarray, " s"]:
    """Probability of a phone for which the lips have to close."""
    return probabilities @ symbol_columns()[:, CLOSED_COLUMN]


def _probabilities(speech: Speech) -> Iterator[Float32[np.ndarray, "_ 191"]]:
    """Of at least the steps of a sound's frames.

    Readers that are opened before one of them reads share one recognition, of which no more is
    kept than the slowest has yet to read: 7 MB for three minutes.
    """
    begun = speech.recognition and speech.recognition()
    if begun is None:
        begun = _Recognition(_recognised(speech))
        speech.recognition = ref(begun)
    return _read(begun)


class _Recognition:
    """What a recogniser has yet to say, for several readers."""

    def __init__(self, said: Iterator[Float32[np.ndarray, "_ 191"]]):
        self._said = said

    @cached_property
    def next(self) -> "tuple[Float32[np.ndarray, '_ 191'], _Recognition] | None":
        """The next chunk and what follows it; None at the end."""
        chunk = next(self._said, None)
        return None if chunk is None else (chunk, _Recognition(self._said))


def _read(recognition: _Recognition) -> Iterator[Float32[np.ndarray, "_ 191"]]:
    while recognition.next is not None:
        chunk, recognition = recognition.next
        yield chunk


def _recognised(speech: Speech) -> Iterator[Float32[np.ndarray, "_ 191"]]:
    from audioplane.speech.recogniser import RecogniserStream, Span, open_recogniser

    stream = RecogniserStream(open_recogniser(), Span(SETTLED, AHEAD, PAST))
    samples = max(speech.samples, step_count(speech.frames) * STEP)
    end = -(-(samples + _LOOK_AHEAD) // STEP) * STEP
    starts, gain = range(0, end, CHUNK), np.float32(speech.gain)
    for sound in speech.cut((start, min(start + CHUNK, end)) for start in starts):
        yield stream.push(sound * gain)


class _Peaks:
    """Probabilities in, steps out; `STEPS_BEFORE` steps of silence come first."""

    def __init__(self) -> None:
        # From the first step on that the smoothing of the next one reaches.
        self._peaks = np.zeros((REACH + STEPS_BEFORE, COLUMNS), np.float32)

    def push(self, probabilities: Float32[np.ndarray, "s 191"]) -> Float32[np.ndarray, "u c"]:
        """The steps that are settled now."""
        self._peaks = np.concatenate([self._peaks, probabilities @ symbol_columns()])
        steps = _smoothed(self._peaks)
        self._peaks = self._peaks[len(steps) :]
        return steps

    def predict(self, ahead: Float32[np.ndarray, "s 191"]) -> Float32[np.ndarray, "u c"]:
        """The steps that probabilities ahead give, as if no peaks followed. No state changes."""
        after = np.zeros((REACH, COLUMNS), np.float32)
        return _smoothed(np.concatenate([self._peaks, ahead @ symbol_columns(), after]))


@dataclass(frozen=True)
class Recognised:
    """Steps that are settled."""

    probabilities: Float32[np.ndarray, "s 191"]
    loudness: Float64[np.ndarray, " b"]
    """Power of the sound's next blocks, as long as a step, over the speech's mean; 0 in pauses."""


class LiveRecogniser:
    """The recogniser along a sound that arrives in pieces, at its running level."""

    def __init__(self, statistics: StreamStatistics):
        """Raises `SpeechError` where the recogniser is not installed."""
        from audioplane.speech.recogniser import RecogniserStream, Span, open_recogniser

        self._stream = RecogniserStream(open_recogniser(), Span(SETTLED, AHEAD, PAST))
        self._level, self._rest = RunningLevel(statistics.level), np.zeros(0, np.float32)
        self.last = Recognised(self._stream.ahead, np.zeros(0))
        """What the latest push settled."""

    def push(self, sound: Float[np.ndarray, " n"]) -> Recognised:
        """The steps that are settled after the next samples at 16 kHz."""
        self._rest = np.concatenate([self._rest, sound.astype(np.float32)])
        count = len(self._rest) // BLOCK
        blocks, self._rest = np.split(self._rest, [count * BLOCK])
        levelled, loudness = [np.zeros(0, np.float32)], np.zeros(count)
        for i, block in enumerate(blocks.reshape(count, BLOCK)):
            power = float(block @ block) / BLOCK
            if self._level.update(power):
                loudness[i] = power / self._level.level
            levelled.append(block * np.float32(self._level.gain))
        self.last = Recognised(self._stream.push(np.concatenate(levelled)), loudness)
        return self.last

    @property
    def ahead(self) -> Float32[np.ndarray, "s 191"]:
        """Probabilities of steps after the settled ones, as they were thought of last."""
        return self._stream.ahead


@cache
def smoothing_weights() -> Float32[np.ndarray, " w"]:
    """Of the steps from `REACH` before one to `REACH` after it; their sum is 1."""
    weights = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / SMOOTHING) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def _smoothed(peaks: Float32[np.ndarray, "k c"]) -> Float32[np.ndarray, "s c"]:
    """Features of all steps but the outer `REACH`."""
    count = max(0, len(peaks) - 2 * REACH)
    steps = np.zeros((count, peaks.shape[1]), np.float32)
    for lag, weight in enumerate(smoothing_weights()):
        steps += weight * peaks[lag : lag + count]
    centres, spreads = column_scales()
    return (steps - centres) / spreads


class IpaStream(StepStream):
    """Peaks of a sound that arrives in pieces, at its running level.

    A chunk is settled `AHEAD` steps after its last one, so with the window and the smoothing a
    frame waits for 420 ms of sound after its end.
    """

    look_ahead = AFTER_FRAME + (REACH + SETTLED - 1 + AHEAD - 1) * STEP + REACHED + BLOCK

    def __init__(self, statistics: StreamStatistics):
        self.recogniser, self._peaks = LiveRecogniser(statistics), _Peaks()

    def push(self, sound: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "s c"]:
        return self._peaks.push(self.recogniser.push(sound).probabilities)

    def predict(self) -> Float32[np.ndarray, "s c"]:
        return self._peaks.predict(self.recogniser.ahead)


_LOOK_AHEAD = IpaStream.look_ahead
KIND = FeatureKind(NAME, ipa_windows, COLUMNS, "phones of any language by hama", stream=IpaStream)
