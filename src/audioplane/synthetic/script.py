"""Who says what when: sentences laid out in time as phonemes."""

from dataclasses import dataclass, replace

import numpy as np

from audioplane.synthetic.phonemes import PHONEMES, SILENCE
from audioplane.synthetic.sentences import HELD_OUT, LEXICON, TRAINING, pronounce

_BASE_PITCH = 128.0
_UTTERANCE_START = 0.4


@dataclass(frozen=True)
class TimedPhoneme:
    """A phoneme at its place in time."""

    symbol: str
    start: float
    """Seconds."""
    end: float
    """Seconds."""
    stress: float
    """Size of the movement and loudness against the usual, about 0.85 to 1.1."""
    pitch: float
    """Pitch of the voice, Hz."""


def speak(
    sentence: str, start: float, rng: np.random.Generator, slowness: float = 1.0
) -> list[TimedPhoneme]:
    """Phonemes of one sentence from `start` (seconds) on, with a pace and a melody of its own."""
    symbols = pronounce(sentence)
    pace = slowness * rng.uniform(0.95, 1.25)
    pitch = _BASE_PITCH * rng.uniform(0.92, 1.1)
    timed = []
    now = start
    for i, symbol in enumerate(symbols):
        p = PHONEMES[symbol]
        progress = i / max(len(symbols) - 1, 1)
        last = 1.35 if progress > 0.9 else 1.0
        length = p.seconds * pace * last * rng.uniform(0.9, 1.12)
        stress = rng.uniform(0.88, 1.1) if p.kind == "vowel" else 1.0
        # A sentence falls in pitch towards its end, and stressed vowels stand out of it.
        melody = pitch * (1.12 - 0.24 * progress) * (1 + 0.35 * (stress - 1))
        timed.append(TimedPhoneme(symbol, now, now + length, stress, melody))
        now += length
    return timed


def script(seed: int, seconds: float, held_out: bool = False) -> list[TimedPhoneme]:
    """Sentences with pauses that fill `seconds` without a gap.

    Args:
        seed: Decides the order of the sentences, their pace, melody and pauses.
        seconds: Length; the last sentence is cut off.
        held_out: Take the sentences that no training script holds.

    Returns:
        Phonemes in order; each one starts where the one before ends, the last ends at `seconds`.
    """
    rng = np.random.default_rng([seed, int(held_out)])
    sentences = HELD_OUT if held_out else TRAINING
    timed = [TimedPhoneme(SILENCE, 0.0, min(_UTTERANCE_START, seconds), 1.0, _BASE_PITCH)]
    while timed[-1].end < seconds:
        for k in rng.permutation(len(sentences)):
            if timed[-1].end < seconds:
                timed += _phrase(sentences[k], timed[-1].end, seconds, rng)
    return timed


def chatter(rng: np.random.Generator, seconds: float, slowness: float) -> list[TimedPhoneme]:
    """Words of the lexicon in sentences without sense, and pauses, for at least `seconds`.

    `slowness` multiplies the lengths of the phonemes.
    """
    words, pause = list(LEXICON), TimedPhoneme(SILENCE, 0.0, _UTTERANCE_START, 1.0, _BASE_PITCH)
    timed = [pause]
    while timed[-1].end < seconds:
        sentence = " ".join(rng.choice(words, rng.integers(4, 11)))
        timed += speak(sentence, timed[-1].end, rng, slowness)
        end = timed[-1].end
        timed.append(replace(pause, start=end, end=end + rng.uniform(0.25, 0.6)))
    return timed


def _phrase(
    sentence: str, start: float, stop: float, rng: np.random.Generator
) -> list[TimedPhoneme]:
    """A sentence and the pause after it, cut off where only a pause still fits before `stop`."""
    spoken = [p for p in speak(sentence, start, rng) if p.end <= stop - 0.2]
    pause = spoken[-1].end if spoken else start
    end = pause + rng.uniform(0.35, 0.7)
    if stop - end < 0.8:
        end = stop
    return [*spoken, TimedPhoneme(SILENCE, pause, end, 1.0, _BASE_PITCH)]
