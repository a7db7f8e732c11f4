"""Multilingual phone recogniser: the conformer inside the `hama` wheel, in PyTorch and in a stream.

Four layers of width 144 (Gulati et al. 2020, arXiv 2005.08100) after a log-mel front end, trained
with CTC on speech of several languages: 191 symbols of the IPA, 50 steps a second. Only the wheel's
weights are used, not its native library, so it runs wherever numba and PyTorch do.

The network was made for whole utterances: its convolutions reach 1.2 s ahead and its attention
everywhere. Here each chunk of steps is computed together with some ahead of it, its attention sees
some before it, and what earlier steps gave stays as it was when they were settled. So results do
not depend on how a sound is cut: a stream gets what a file gets.

Legend: s steps of the sound, seen: steps of a chunk with those ahead, past: before it.
"""

import hashlib
import importlib.util
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from audioplane.errors import SpeechError
from audioplane.simd import LANES
from audioplane.simd_products import flat
from audioplane.speech.recogniser_kernels import (
    COLUMNS,
    REACH,
    VALUES,
    WIDTH,
    layers,
    probabilities,
    scratch_for,
)

PACKAGE, FILE = "hama", "assets/asr_waveform.hama"
SHA256 = "a9fcfe73e179ca48e399cd76a90a6b3e1887bf5037ecc52b778d13a149563328"
"""Of the file in hama 1.7.0."""
SYMBOLS = 191
"""CTC's blank is the last: the step begins no phone."""
HOP, FFT = 160, 400
"""Samples between spectra, of which a step has two, and under each."""
BEFORE = HOP + FFT // 2
"""Samples that a step's spectra reach before its first sample, and beyond that after it."""
_LAYERS = 4
_MOVES = 50
"""Chunks after which what is known is moved to the front of its memory."""

Weights = dict[str, Tensor]
Pair = tuple[Tensor, Tensor]
"""Weights and biases."""


@dataclass(frozen=True)
class Span:
    """Steps that are computed together."""

    settled: int
    """New ones."""
    ahead: int
    """After them."""
    past: int
    """Before them, of which attention knows what they were."""


@cache
def open_recogniser() -> "Recogniser":
    """The network with the wheel's weights, kept once opened.

    Raises `SpeechError` where the wheel is not installed, or its file is another one.
    """
    found = importlib.util.find_spec(PACKAGE)
    places = list(found.submodule_search_locations or []) if found else []
    try:
        if not places:
            raise OSError("it is not installed")
        packed = (Path(places[0]) / FILE).read_bytes()
        if hashlib.sha256(packed).hexdigest() != SHA256:
            raise OSError(f"its {FILE} is not that of version 1.7.0")
    except OSError as e:
        raise SpeechError(
            f"the recogniser of {PACKAGE} does not load ({e}): pip install {PACKAGE}==1.7.0, or "
            "use the speech features 'mel+phones'"
        ) from e
    return Recogniser(unpack(packed))


def unpack(packed: bytes) -> Weights:
    """Tensors by name of an archive of hama: magic, version, kind and count; a table of names,
    types, shapes, offsets and sizes; from the next multiple of 16 bytes on, the data."""
    _, count = struct.unpack_from("<BxI", packed, 6)
    at, entries = 12, []
    for _ in range(count):
        (length,) = struct.unpack_from("<H", packed, at)
        name = packed[at + 2 : at + 2 + length].decode()
        kind, axes = struct.unpack_from("<BB", packed, at + 2 + length)
        at += 4 + length
        *shape, offset, _ = struct.unpack_from(f"<{axes}IQQ", packed, at)
        at += 4 * axes + 16
        entries.append((name, np.float16 if kind else np.float32, shape, offset))
    start = -(-at // 16) * 16
    flat = {
        name: np.frombuffer(packed, kind, int(np.prod(shape)), start + offset).reshape(shape)
        for name, kind, shape, offset in entries
    }
    return {name: torch.from_numpy(values.astype(np.float32)) for name, values in flat.items()}


class Recogniser:
    """The network: weights only. `RecogniserStream` runs it."""

    def __init__(self, weights: Weights):
        """`weights` by their names in the file."""
        w = weights
        kernels = (w[f"stft_{part}_kernel"][:, 0].T for part in ("real", "imag"))
        self._waves = torch.cat(list(kernels), 1)
        self._mel = w["mel_fb"]
        self._stem = w["onnx::Conv_801"].flatten(1), w["onnx::Conv_802"]
        name = "acoustic_model.model.proj."
        self.out = flat(w[name + "weight"][:, :, 0].numpy(), w[name + "bias"].numpy())
        """Weights of the last product, as `flat` lays them."""
        self.layers = np.stack([_layer(w, i) for i in range(_LAYERS)])
        """Weights of each block, in the order in which they are used."""

    def filters(self) -> Float[Tensor, "201 80"]:
        """Of the mel bands, over the bins of a spectrum."""
        return self._mel

    def stem(self) -> Pair:
        """Weights [144, 240] and biases of the layer after the mel bands: for each band, those of
        three spectra."""
        return self._stem

    @torch.inference_mode()
    def embed(self, sound: Float[Tensor, " k"]) -> Float32[np.ndarray, "s 144"]:
        """Inputs of the first block, for sound that begins `BEFORE` samples before a step."""
        cosines, sines = (sound.unfold(0, FFT, HOP) @ self._waves).chunk(2, 1)
        mel = ((cosines.square() + sines.square()) @ self._mel).clamp_min(1e-10).log()
        stem = functional.linear(mel.unfold(0, 3, 2).flatten(1), *self._stem)
        return functional.gelu(stem).numpy()

    def probabilities(self, x: Float32[np.ndarray, "r 144"]) -> Float32[np.ndarray, "r 191"]:
        """Of the symbols, from outputs of the last block."""
        made = np.empty((len(x), COLUMNS), np.float32)
        probabilities(x, self.out, SYMBOLS, made)
        return made[:, :SYMBOLS]


def _layer(w: Weights, index: int) -> Float32[np.ndarray, " n"]:
    return flat(*(x.numpy() for pair in _layer_pairs(w, index) for x in pair))


def _layer_pairs(w: Weights, index: int) -> Iterator[Pair]:
    """Weights and biases of one conformer block in the order in which they are used: half a
    feed-forward, attention, convolution, half a feed-forward, and the last norm."""
    name = f"acoustic_model.model.blocks.{index}."
    # The export numbers its products; three of nine, inside the attention, have no weights.
    numbers = (829 + 9 * index + i for i in (0, 1, 2, 6, 7, 8))
    up1, down1, qkv, mixed, up2, down2 = (w[f"onnx::MatMul_{i}"].T for i in numbers)

    def pair(of: str) -> Pair:
        weight = w[f"{name}{of}.weight"]
        return weight[:, :, 0] if weight.ndim == 3 else weight, w[f"{name}{of}.bias"]

    def forward(of: str, up: Tensor, down: Tensor) -> Iterator[Pair]:
        first, second = (w[f"{name}{of}.fc{i}.bias"] for i in (1, 2))
        yield from (pair(f"{of}.norm"), (up, first), (down, second))

    yield from forward("ffn1", up1, down1)
    yield from (pair("attn_norm"), (qkv, w[f"{name}attn.in_proj_bias"]))
    yield from ((mixed, w[f"{name}attn.out_proj.bias"]), pair("conv.norm"))
    yield pair("conv.pointwise1")
    yield w[f"onnx::Conv_{804 + 3 * index}"], w[f"onnx::Conv_{805 + 3 * index}"]
    yield pair("conv.pointwise2")
    yield from forward("ffn2", up2, down2)
    yield pair("norm")


class Past:
    """What the layers know of the steps before a chunk."""

    def __init__(self, span: Span):
        self._span = span
        rows = span.settled + span.ahead
        room = span.past + rows + span.settled * _MOVES + LANES
        self._keys = np.zeros((_LAYERS, WIDTH, room), np.float32)
        self._values = np.zeros((_LAYERS, room, VALUES), np.float32)
        self._lines = np.zeros((_LAYERS, REACH + rows, WIDTH), np.float32)
        self._scratch = scratch_for(rows, span.past)
        self._first = self._last = 0
        """Known steps are in these places of `_keys` and `_values`."""

    def run(self, network: Recogniser, x: Float32[np.ndarray, "r 144"]) -> None:
        """Run the steps of the next chunk through all layers, in place; the settled ones are then
        past."""
        if self._last + len(x) + LANES > self._keys.shape[2]:
            count = self._last - self._first
            self._keys[:, :, :count] = self._keys[:, :, self._first : self._last].copy()
            self._values[:, :count] = self._values[:, self._first : self._last].copy()
            self._first, self._last = 0, count
        span = self._first, self._last, self._span.settled
        known = self._keys, self._values, self._lines
        layers(x, network.layers, known, span, self._scratch)
        self._last += self._span.settled
        self._first = max(self._first, self._last - self._span.past)


class RecogniserStream:
    """The network along a sound."""

    def __init__(self, network: Recogniser, span: Span):
        self._network, self._span, self._past = network, span, Past(span)
        self._sound = np.zeros(BEFORE, np.float32)
        """From `BEFORE` samples before the next step to be embedded."""
        self._embedded = np.zeros((0, WIDTH), np.float32)
        """From the first step that is not settled on."""
        self.ahead = np.zeros((0, SYMBOLS), np.float32)
        """Probabilities of steps after the settled ones, as they were thought of last."""

    def push(self, sound: Float[np.ndarray, " k"]) -> Float32[np.ndarray, "s 191"]:
        """Probabilities of the steps that are settled now."""
        self._sound = np.concatenate([self._sound, sound.astype(np.float32)])
        whole = max(0, (len(self._sound) - BEFORE - FFT // 2) // (2 * HOP))
        seen, new = self._span.settled + self._span.ahead, self._span.settled
        if len(self._embedded) + whole < seen:
            return np.zeros((0, SYMBOLS), np.float32)
        last = 2 * HOP * (whole - 1) + 2 * BEFORE
        steps = self._network.embed(torch.from_numpy(self._sound[:last]))
        self._embedded = np.concatenate([self._embedded, steps])
        self._sound = self._sound[2 * HOP * whole :]
        settled = []
        for first in range(0, len(self._embedded) - seen + 1, new):
            x = self._embedded[first : first + seen].copy()
            self._past.run(self._network, x)
            made = self._network.probabilities(x)
            settled.append(made[:new])
            self.ahead = made[new:]
        self._embedded = self._embedded[new * len(settled) :]
        return np.concatenate(settled)
