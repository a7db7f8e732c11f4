"""Loudness of vowels, for which a mouth opens in any language; nothing is learnt."""

import numpy as np
from jaxtyping import Float

from audioplane.clock import SAMPLE_RATE

VOWEL_BAND = (600.0, 3000.0)
"""Hz; the range of the second formant. Of thirty bands, one of the two whose level correlates best
with the apertures of recorded mouths."""


def vowel_level(blocks: Float[np.ndarray, "n w"]) -> Float[np.ndarray, " n"]:
    """Root mean square inside `VOWEL_BAND` of blocks of w samples at 16 kHz, Hann window."""
    w = blocks.shape[1]
    spectra = np.fft.rfft(blocks * np.hanning(w))
    hertz = np.fft.rfftfreq(w, 1 / SAMPLE_RATE)
    inside = (hertz >= VOWEL_BAND[0]) & (hertz <= VOWEL_BAND[1])
    return np.sqrt(2 * (np.abs(spectra[:, inside]) ** 2).sum(1)) / w
