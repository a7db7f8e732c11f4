"""Phones that are heard in a speech of any language, with their times.

The recogniser of kind `ipa` marks a phone by a short peak. The lips are ahead of it: of 86 closures
on ten recordings the aperture is least 60 to 80 ms before the peak, and vowels are widest some
30 ms before theirs (docs/decisions/evaluate.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from audioplane.clock import SAMPLE_RATE
from audioplane.speech.ipa import CLOSED, symbol_peaks
from audioplane.speech.sound import Speech
from audioplane.speech.window import STEP

CLOSED_LEAD, OTHER_LEAD = 0.07, 0.03
"""Seconds before the peak at which the lips have the shape of a phone."""
_REPEATED = 3
"""Steps within which the same symbol is the same phone."""


@dataclass(frozen=True)
class SpokenPhone:
    """A phone of a speech."""

    symbol: str
    """IPA."""
    seconds: float
    """When the lips have its shape."""


def heard_phones(speech: Speech) -> list[SpokenPhone]:
    """The phones of a speech, in order.

    Raises `SpeechError` where the recogniser is not installed.
    """
    return list(_phones(speech))


def _phones(speech: Speech) -> Iterator[SpokenPhone]:
    before, last = "", -_REPEATED
    for step, symbol in symbol_peaks(speech):
        if symbol != before or step - last > _REPEATED:
            lead = CLOSED_LEAD if symbol in CLOSED else OTHER_LEAD
            yield SpokenPhone(symbol, max(0.0, (step + 0.5) * STEP / SAMPLE_RATE - lead))
        before, last = symbol, step
