"""Sounds that the tests make."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

Babble = Callable[..., np.ndarray]


def _resonate(source: np.ndarray, formants: np.ndarray, width: float) -> np.ndarray:
    for hertz in formants:
        radius = np.exp(-np.pi * width / 16000)
        source = lfilter([1.0], [1, -2 * radius * np.cos(np.pi * hertz / 8000), radius**2], source)
    return source / np.abs(source).max()


def _babble(seconds: float, seed: int = 0, level: float = 0.3) -> np.ndarray:
    """Vowels, hisses and pauses in random order, at 16 kHz: enough like speech to have phones."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * 16000:
        n = int(rng.uniform(0.06, 0.2) * 16000)
        kind = rng.choice(["vowel", "hiss", "pause"], p=[0.6, 0.3, 0.1])
        envelope = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / 160)
        if kind == "vowel":
            pulses = (np.arange(n) % int(rng.uniform(110, 150)) == 0).astype(float)
            formants = rng.uniform([250, 800, 2300], [850, 2300, 3000])
            parts.append(envelope * _resonate(pulses, formants, 80))
        elif kind == "hiss":
            noise = _resonate(rng.standard_normal(n), rng.uniform([2500], [6500]), 600)
            parts.append(0.3 * envelope * noise)
        else:
            parts.append(np.zeros(n))
    sound = np.concatenate(parts)[: int(seconds * 16000)]
    return (level * sound).astype(np.float32)


@pytest.fixture(scope="session")
def babble() -> Babble:
    """`babble(seconds, seed=0, level=0.3)`: float32 speech-like sound at 16 kHz."""
    return _babble
