"""What is known of a speaker and a microphone before they are heard."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Voice:
    """Where the running means of a stream start."""

    level: float
    """Mean power of active speech."""
    bands: Float[np.ndarray, " 80"]
    """Mean band power of active speech, dB, when it is at the target level."""
    cepstra: str = ""
    """Cepstral mean in pocketsphinx's words; empty for its own."""
