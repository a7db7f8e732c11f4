import numpy as np
import pytest

from audioplane.clock import SAMPLE_RATE
from audioplane.speech.vowels import vowel_level

COUNTS = {100: False, 1000: True, 2500: True, 5000: False}


@pytest.mark.parametrize("hertz", COUNTS)
def test_only_the_band_of_vowels_counts(hertz: int):
    tone = np.sin(2 * np.pi * hertz * np.arange(640) / SAMPLE_RATE)[None]
    level = vowel_level(tone)[0]
    assert (level > 0.01) == COUNTS[hertz]
    assert vowel_level(2 * tone)[0] == pytest.approx(2 * level)
