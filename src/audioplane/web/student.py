"""The student: an audio encoder that hears mel bands alone, distilled from a head's own.

For heads of features that the page does not compute, as `mel+phones`. The student is taught by
what the head's encoder says of its training speech, of that speech slower and faster, and of other
sounds. It has the same layers and starts from the same weights, less those of the other features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from audioplane.clock import FPS, FRAME_SAMPLES
from audioplane.errors import SpeechError
from audioplane.head import Head
from audioplane.head.audio import CONTEXT_AFTER, CONTEXT_BEFORE, AudioEncoder
from audioplane.progress import Counter, Report, ignore
from audioplane.speech import Speech, compute_features
from audioplane.speech.bands import BANDS

RATES = (1.0, 0.85, 0.92, 1.08, 1.18)
"""The subject's own speech as it was, slower and faster, lower and higher with it."""
HELD_OUT = 0.1
"""Share of the subject's speech, its end, that measures the student."""
EPOCHS = 45
_RUN = 48
"""Frames of one run, beside those that the temporal filter needs around it."""
_BATCH = 12
_PEAK_RATE = 2e-3
_CODE_WEIGHT = 4.0
"""Of the error of f_a, which is what moves the lips, beside that of the audio vector."""
_NOISE = 0.15
"""Deviation of noise added to the features, whose own is about 1."""


class Example(NamedTuple):
    """One sound as student and teacher hear it."""

    windows: Float[Tensor, "t w 80"]
    target: Float[Tensor, "t 64"]
    """The teacher's audio vectors."""
    spoken: Bool[Tensor, " t"]


@dataclass(frozen=True)
class Student:
    """An encoder of mel windows alone."""

    encoder: AudioEncoder
    agreement: float
    """Correlation of its f_a with the teacher's, over speech that it was not taught."""


@torch.no_grad()
def example(head: Head, kind: str, speech: Speech) -> Example:
    """What the head's own encoder says of a sound. Raises `SpeechError`."""
    spoken = torch.from_numpy(speech.spoken_frames())
    heard = torch.from_numpy(compute_features(speech, kind))
    target = head.encoder(heard, spoken)
    return Example(torch.from_numpy(compute_features(speech, "mel")), target, spoken)


def at_rate(speech: Speech, rate: float) -> Speech:
    """A sound `rate` times as fast and as high."""
    sound = next(iter(speech.cut([(0, speech.samples)])))
    at = np.arange(0, len(sound) - 1, rate)
    return Speech(np.interp(at, np.arange(len(sound)), sound).astype(np.float32))


def teach(
    head: Head,
    kind: str,
    own: Speech,
    others: Sequence[Speech] = (),
    report: Report = ignore,
    epochs: int = EPOCHS,
) -> Student:
    """Distil a student from a head's own encoder.

    Args:
        head: The teacher; its `feature_dim` is that of `kind`.
        kind: Its feature kind; where that contains mel, its mel bands come first.
        own: The speech that the head was trained on.
        others: Other speech.
        report: Called after every pass.
        epochs: Passes over all of it.

    Raises `SpeechError` where the features cannot be computed, or there is too little speech.
    """
    whole = example(head, kind, own)
    end = int(len(whole.target) * (1 - HELD_OUT))
    if end < _RUN:
        raise SpeechError(f"{len(whole.target) / FPS:.1f} s of speech are too little to teach by")
    taught = [Example(*(x[:end] for x in whole))]
    seen = own.opening(end * FRAME_SAMPLES)
    taught += [example(head, kind, at_rate(seen, rate)) for rate in RATES[1:]]
    taught += [example(head, kind, speech) for speech in others]
    generator = torch.Generator().manual_seed(0)
    student = _beginner(head.encoder, kind)
    _train(student, head, taught, epochs, generator, report)
    student.requires_grad_(False).calibrate(taught[0].windows)
    return Student(student, _agreement(student, head, whole, end))


def _beginner(teacher: AudioEncoder, kind: str) -> AudioEncoder:
    """A copy of the teacher that hears its mel bands alone; with a new first layer where it hears
    none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student = AudioEncoder(BANDS)
    weights = {k: v.clone() for k, v in teacher.state_dict().items()}
    first = "net.convolutions.0.weight"
    if kind.split("+")[0] == "mel":
        weights[first] = weights[first][:, :BANDS]
    else:
        del weights[first]
    student.load_state_dict(weights, strict=False)
    return student.requires_grad_(True)


def _train(
    student: AudioEncoder,
    head: Head,
    taught: Sequence[Example],
    epochs: int,
    generator: torch.Generator,
    report: Report,
) -> None:
    runs, targets = (torch.cat(x) for x in zip(*map(_cut, taught), strict=True))
    steps = epochs * (len(runs) // _BATCH + 1)
    optimiser = torch.optim.AdamW(student.parameters(), _PEAK_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _PEAK_RATE, total_steps=steps)
    step = Counter(report, "student", epochs)
    for _ in range(epochs):
        order = torch.randperm(len(runs), generator=generator)
        for picked in order.split(_BATCH):
            noise = torch.randn(runs[picked].shape, generator=generator)
            raw = student.raw_runs(runs[picked] + _NOISE * noise)
            wanted = targets[picked].flatten(0, 1)
            loss = (raw - wanted).square().mean()
            loss = loss + _CODE_WEIGHT * (_codes(head, raw) - _codes(head, wanted)).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        step()


def _codes(head: Head, vectors: Float[Tensor, "t 64"]) -> Float[Tensor, "t h"]:
    """f_a of all scales."""
    assert head.prototypes is not None
    return head.prototypes(vectors).flatten(1)


def _cut(one: Example) -> tuple[Float[Tensor, "r u w 80"], Float[Tensor, "r t 64"]]:
    """Runs of a sound with the frames that the temporal filter needs, and their targets."""
    before = one.windows[:1].expand(CONTEXT_BEFORE, -1, -1)
    after = one.windows[-1:].expand(CONTEXT_AFTER, -1, -1)
    padded, n = torch.cat([before, one.windows, after]), len(one.target)
    starts = range(0, n - _RUN + 1, _RUN)
    span = _RUN + CONTEXT_BEFORE + CONTEXT_AFTER
    runs = [padded[i : i + span] for i in starts]
    targets = [one.target[i : i + _RUN] for i in starts]
    if not runs:
        return padded.new_zeros(0, span, *padded.shape[1:]), one.target.new_zeros(0, _RUN, 64)
    return torch.stack(runs), torch.stack(targets)


@torch.no_grad()
def _agreement(student: AudioEncoder, head: Head, whole: Example, first: int) -> float:
    """Correlation of f_a over the frames from `first` on, its numbers weighed by their variance."""
    heard = student(whole.windows, whole.spoken)
    mine, wanted = (_codes(head, x)[first:].double() for x in (heard, whole.target))
    mine, wanted = mine - mine.mean(0), wanted - wanted.mean(0)
    return float((mine * wanted).sum() / (mine.square().sum() * wanted.square().sum()).sqrt())
