"""The audio side of an iteration: batches of augmented speech, encoded, and their lip loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.clock import FRAME_SAMPLES
from audioplane.errors import TrainingError
from audioplane.face.regions import mouth_aperture
from audioplane.head import Head
from audioplane.head.audio import CONTEXT_AFTER, CONTEXT_BEFORE
from audioplane.media.audio import read_audio
from audioplane.run.opening import Mouths
from audioplane.speech import Speech
from audioplane.speech.familiarity import Familiarity
from audioplane.subject import FrameRef, Subject
from audioplane.train.config import AudioConfig
from audioplane.train.lips import LipTargets, force_lips, upright_mouths
from audioplane.train.losses import lip_loss

_LEAST_SPREAD = 0.05
"""A smaller deviation of f_a between frames counts as collapse."""
_BLOCK = 1000
"""Frames whose features are measured at a time."""
_PATIENCE = 300
"""Iterations of collapse after which the training stops."""


@dataclass(frozen=True)
class EncodedSpeech:
    """The encoded speech of one iteration."""

    code: Float[Tensor, " k"]
    """The code of the frame that is rendered."""
    lips: Float[Tensor, ""] | None
    """Lip loss over all frames of the batch, where it has a weight."""
    spread: float
    """Standard deviation of f_a between them; NaN where only time counts."""


def learn_familiarity(subject: Subject, refs: Sequence[FrameRef]) -> Familiarity | None:
    """What the speech of some frames sounds like; None where the subject has no sound."""
    if not subject.paths.audio.exists():
        return None
    last = max(ref.aud_id for ref in refs)
    return Familiarity.learn(Speech(read_audio(subject.paths.audio)[: FRAME_SAMPLES * (last + 1)]))


def _deviation(features: Float[np.ndarray, "t w f"]) -> float:
    """Standard deviation of all numbers, block by block: in one go it takes their memory again."""
    total = squares = 0.0
    for start in range(0, len(features), _BLOCK):
        block = features[start : start + _BLOCK].astype(np.float64)
        total += float(block.sum())
        squares += float(np.square(block).sum())
    mean = total / features.size
    return math.sqrt(max(0.0, squares / features.size - mean * mean))


class SpeechBatches:
    """Encodes a frame's speech among runs of other frames, all augmented against overfitting to
    minutes of speech."""

    def __init__(
        self,
        head: Head,
        features: Float[np.ndarray, "t w f"],
        rows: list[int],
        landmarks: Float[np.ndarray, "n 68 2"],
        views: Float[np.ndarray, "n 4 4"],
        config: AudioConfig,
        lip_weight: float = 0.0,
    ):
        """`rows` are the feature rows of the training frames, `landmarks` and `views` theirs.

        Without a weight the lip loss is not taken.
        """
        self._head, self._config, self._lip_weight = head, config, lip_weight
        self.windows = torch.from_numpy(features).to(head.device)
        self._low, self._high = min(rows), max(rows)
        self._deviation = _deviation(features[self._low : self._high + 1])
        self._rows = torch.tensor(rows).to(head.device)
        self._apertures = torch.from_numpy(mouth_aperture(landmarks))
        self._lips = LipTargets(upright_mouths(landmarks), views, np.array(rows), head.device)
        self.reader = self._lips.linear_reader(head.representation_dim)
        self.collapsed_for = 0
        """Iterations in a row in which f_a hardly differed between frames."""

    @property
    def rows(self) -> tuple[int, int]:
        """Feature rows of the first and the last training frame."""
        return self._low, self._high

    @property
    def train_windows(self) -> Float[Tensor, "t w f"]:
        """Windows from the first to the last training frame."""
        return self.windows[self._low : self._high + 1]

    @torch.no_grad()
    def mouth(self) -> Mouths | None:
        """Codes and recorded mouth apertures of the training frames, from which `run.rest` and
        `run.opening` learn; None where time moves the head."""
        if self._head.times is not None:
            return None
        codes = self._head.audio_codes(self.train_windows)
        return Mouths(codes[self._rows - self._low], self._apertures)

    def encode(self, row: int, generator: torch.Generator) -> EncodedSpeech:
        """Encode the frame at a feature row.

        Raises `TrainingError` when the audio encoder has been collapsed for long.
        """
        c, low, high = self._config, self._low, self._high
        if self._head.times is not None:
            return EncodedSpeech(
                self._head.audio_codes(self.windows[row : row + 1], row)[0], None, math.nan
            )

        def put(drawn: Tensor) -> Tensor:
            return drawn.to(self.windows.device, non_blocking=True)

        length = min(c.run_length, high - low + 1)
        last_start = high - length + 1
        starts = torch.randint(low, last_start + 1, (c.runs,), generator=generator)
        at = int(torch.randint(length, (1,), generator=generator))
        starts[0] = min(max(row - at, low), last_start)
        steps = torch.arange(-CONTEXT_BEFORE, length + CONTEXT_AFTER)
        late = torch.randint(-c.shift, c.shift + 1, (c.runs,), generator=generator)
        # Held-out speech is never encoded, not even as a neighbour.
        runs = self.windows[put(((starts + late)[:, None] + steps).clamp(low, high))]
        n, features = len(runs), runs.shape[-1]
        noise = c.noise * torch.randn(runs.shape, generator=generator)
        noise += c.offset * torch.randn(n, 1, 1, 1, generator=generator)
        noise += c.tilt * torch.randn(n, 1, 1, features, generator=generator)
        codes = self._head.represent_runs(runs + self._deviation * put(noise))
        lips = None
        if self._lip_weight:
            frames = put(starts[:, None] + torch.arange(length))
            lips = lip_loss(self.reader, self._lips, codes.flatten(1).unflatten(0, (n, -1)), frames)
        spread = codes.detach().std(0).mean().item()
        self._check_collapse(spread)
        code = codes[row - int(starts[0])]
        if c.teacher_forcing and self._lips.known[row]:
            code = force_lips(self.reader, code, self._lips.scores[row])
        return EncodedSpeech(self._head.spread(code[None])[0], lips, spread)

    def _check_collapse(self, spread: float) -> None:
        self.collapsed_for = self.collapsed_for + 1 if spread < _LEAST_SPREAD else 0
        if self.collapsed_for >= _PATIENCE:
            raise TrainingError(
                f"the audio encoder has collapsed (f_a deviates by {spread:.3f} between "
                "frames): lower rates.audio, or check the speech features"
            )
