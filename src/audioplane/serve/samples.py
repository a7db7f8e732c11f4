"""A queue of sound that waits to be spoken."""

from collections import deque

import numpy as np
from jaxtyping import Float


class SampleQueue:
    """A bounded queue of samples."""

    def __init__(self, most: int):
        """`most` samples."""
        self.most, self._pieces, self._length = most, deque[np.ndarray](), 0

    def __len__(self) -> int:
        return self._length

    def push(self, sound: Float[np.ndarray, " n"]) -> int:
        """Append what fits; returns the number of samples dropped."""
        taken = sound[: self.most - self._length]
        if len(taken):
            self._pieces.append(taken)
            self._length += len(taken)
        return len(sound) - len(taken)

    def take(self, n: int) -> Float[np.ndarray, " n"]:
        """Remove the first `n` samples, or all there are."""
        taken, missing = [np.zeros(0, np.float32)], min(n, self._length)
        self._length -= missing
        while missing:
            piece = self._pieces.popleft()
            taken.append(piece[:missing])
            if len(piece) > missing:
                self._pieces.appendleft(piece[missing:])
            missing -= len(taken[-1])
        return np.concatenate(taken)

    def clear(self) -> None:
        """Forget all."""
        self._pieces.clear()
        self._length = 0
