"""Multilingual phone recogniser: the conformer inside the `hama` wheel, in PyTorch and in a stream.

Four layers of width 144 (Gulati et al. 2020, arXiv 2005.08100) after a log-mel front end, trained
with CTC on speech of several languages: 191 symbols of the IPA, 50 steps a second. Only the wheel's
weights are used, not its native library, so it runs wherever PyTorch does.

The network was made for whole utterances: its convolutions reach 1.2 s ahead and its attention
everywhere. Here each chunk of steps is computed together with some ahead of it, its attention sees
some before it, and what earlier steps gave stays as it was when they were settled. So results do
not depend on how a sound is cut: a stream gets what a file gets.

Legend: n chunks, s steps of the sound, seen: steps of a chunk with those ahead, past: before it.
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

PACKAGE, FILE = "hama", "assets/asr_waveform.hama"
SHA256 = "a9fcfe73e179ca48e399cd76a90a6b3e1887bf5037ecc52b778d13a149563328"
"""Of the file in hama 1.7.0."""
SYMBOLS = 191
"""CTC's blank is the last: the step begins no phone."""
HOP, FFT = 160, 400
"""Samples between spectra, of which a step has two, and under each."""
BEFORE = HOP + FFT // 2
"""Samples that a step's spectra reach before its first sample, and beyond that after it."""
_LAYERS, _WIDTH, _HEADS = 4, 144, 4
_REACH = 15
"""Steps to either side in the convolution of a layer."""
_AT_ONCE = 125
"""Chunks computed at a time, at most."""

Weights = dict[str, Tensor]
_Seen = Float[Tensor, "n seen 144"]


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
        self._cosines, self._sines = kernels
        self._mel = w["mel_fb"]
        self._stem = w["onnx::Conv_801"].flatten(1), w["onnx::Conv_802"]
        self.layers = [_Layer(w, i) for i in range(_LAYERS)]
        name = "acoustic_model.model.proj."
        self._out = w[name + "weight"][:, :, 0], w[name + "bias"]

    def filters(self) -> Float[Tensor, "201 80"]:
        """Of the mel bands, over the bins of a spectrum."""
        return self._mel

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Weights and biases of all layers after the mel bands: the first one, the last one, then
        those of each block in the order in which they are used."""
        yield self._stem
        yield self._out
        for layer in self.layers:
            yield from layer.pairs()

    def embed(self, sound: Float[Tensor, " k"]) -> Float[Tensor, "s 144"]:
        """Inputs of the first layer, for sound that begins `BEFORE` samples before a step."""
        spectra = sound.unfold(0, FFT, HOP)
        power = (spectra @ self._cosines).square() + (spectra @ self._sines).square()
        mel = (power @ self._mel).clamp_min(1e-10).log()
        return functional.gelu(functional.linear(mel.unfold(0, 3, 2).flatten(1), *self._stem))

    def probabilities(self, x: Float[Tensor, "s 144"]) -> Float[Tensor, "s 191"]:
        """Of the symbols, from outputs of the last layer."""
        return functional.linear(x, *self._out).softmax(-1)


class _Past:
    """What one layer keeps of the steps that are settled."""

    def __init__(self, steps: int):
        self.attended = torch.zeros(steps, 2 * _WIDTH)
        """Keys and values."""
        self.convolved = torch.zeros(_REACH, _WIDTH)
        """Inputs of the convolution; zeros before the sound, as the network pads."""


class _Layer:
    """One conformer block: half a feed-forward, attention, convolution, half a feed-forward."""

    def __init__(self, weights: Weights, index: int):
        w, name = weights, f"acoustic_model.model.blocks.{index}."
        # The export numbers its products; three of nine, inside the attention, have no weights.
        numbers = (829 + 9 * index + i for i in (0, 1, 2, 6, 7, 8))
        up1, down1, qkv, mixed, up2, down2 = (w[f"onnx::MatMul_{i}"].T for i in numbers)

        def pair(of: str) -> tuple[Tensor, Tensor]:
            weight = w[f"{name}{of}.weight"]
            return weight[:, :, 0] if weight.ndim == 3 else weight, w[f"{name}{of}.bias"]

        def forward(of: str, up: Tensor, down: Tensor) -> "_FeedForward":
            first, second = (w[f"{name}{of}.fc{i}.bias"] for i in (1, 2))
            return _FeedForward(pair(f"{of}.norm"), (up, first), (down, second))

        self._first, self._second = forward("ffn1", up1, down1), forward("ffn2", up2, down2)
        self._attention_norm, self._last_norm = pair("attn_norm"), pair("norm")
        self._qkv = qkv, w[f"{name}attn.in_proj_bias"]
        self._mixed = mixed, w[f"{name}attn.out_proj.bias"]
        self._convolution_norm = pair("conv.norm")
        self._gate, self._blend = pair("conv.pointwise1"), pair("conv.pointwise2")
        self._taps = w[f"onnx::Conv_{804 + 3 * index}"], w[f"onnx::Conv_{805 + 3 * index}"]

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Weights and biases in the order in which they are used."""
        yield from self._first.pairs()
        yield from (self._attention_norm, self._qkv, self._mixed)
        yield from (self._convolution_norm, self._gate, self._taps, self._blend)
        yield from self._second.pairs()
        yield self._last_norm

    def __call__(
        self, x: _Seen, past: _Past, hidden: Float[Tensor, "n 1 1 k"], span: Span
    ) -> _Seen:
        """`hidden` is −∞ for steps before the sound. `past` moves on."""
        x = x + 0.5 * self._first(x)
        x = x + self._attend(x, past, hidden, span)
        x = x + self._convolve(x, past, span)
        x = x + 0.5 * self._second(x)
        return _normalised(x, self._last_norm)

    def _attend(self, x: _Seen, past: _Past, hidden: Float[Tensor, "n 1 1 k"], span: Span) -> _Seen:
        qkv = functional.linear(_normalised(x, self._attention_norm), *self._qkv)
        new = qkv[..., _WIDTH:]
        before, past.attended = _preceding(past.attended, new[:, : span.settled])
        query = qkv[..., :_WIDTH]
        key, value = torch.cat([before, new], 1).chunk(2, 2)
        by_head = (part.unflatten(2, (_HEADS, -1)).transpose(1, 2) for part in (query, key, value))
        mixed = functional.scaled_dot_product_attention(*by_head, attn_mask=hidden)
        return functional.linear(mixed.transpose(1, 2).flatten(2), *self._mixed)

    def _convolve(self, x: _Seen, past: _Past, span: Span) -> _Seen:
        both = functional.linear(_normalised(x, self._convolution_norm), *self._gate)
        gated = functional.glu(both, 2)
        before, past.convolved = _preceding(past.convolved, gated[:, : span.settled])
        line = torch.cat([before, gated, x.new_zeros(len(x), _REACH, _WIDTH)], 1)
        weight, bias = self._taps
        y = functional.conv1d(line.transpose(1, 2), weight, bias, groups=_WIDTH)
        return functional.linear(functional.silu(y.transpose(1, 2)), *self._blend)


@dataclass(frozen=True)
class _FeedForward:
    norm: tuple[Tensor, Tensor]
    up: tuple[Tensor, Tensor]
    down: tuple[Tensor, Tensor]

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter((self.norm, self.up, self.down))

    def __call__(self, x: _Seen) -> _Seen:
        wide = functional.silu(functional.linear(_normalised(x, self.norm), *self.up))
        return functional.linear(wide, *self.down)


def _normalised(x: _Seen, norm: tuple[Tensor, Tensor]) -> _Seen:
    return functional.layer_norm(x, (_WIDTH,), *norm)


def _preceding(
    kept: Float[Tensor, "k d"], settled: Float[Tensor, "n b d"]
) -> tuple[Float[Tensor, "n k d"], Float[Tensor, "k d"]]:
    """The k steps before each chunk, and those before the next one."""
    line = torch.cat([kept, settled.flatten(0, 1)])
    before = line.unfold(0, len(kept), settled.shape[1])[: len(settled)]
    return before.transpose(1, 2), line[-len(kept) :]


class RecogniserStream:
    """The network along a sound."""

    def __init__(self, network: Recogniser, span: Span):
        self._network, self._span = network, span
        self._pasts = [_Past(span.past) for _ in range(_LAYERS)]
        self._sound = torch.zeros(BEFORE)
        """From `BEFORE` samples before the next step to be embedded."""
        self._embedded = torch.zeros(0, _WIDTH)
        """From the first step that is not settled on."""
        self._settled = 0
        self.ahead = np.zeros((0, SYMBOLS), np.float32)
        """Probabilities of steps after the settled ones, as they were thought of last."""

    @torch.inference_mode()
    def push(self, sound: Float[np.ndarray, " k"]) -> Float32[np.ndarray, "s 191"]:
        """Probabilities of the steps that are settled now."""
        self._sound = torch.cat([self._sound, torch.from_numpy(sound).float()])
        whole = max(0, (len(self._sound) - BEFORE - FFT // 2) // (2 * HOP))
        if whole:
            last = 2 * HOP * (whole - 1) + 2 * BEFORE
            steps = self._network.embed(self._sound[:last])
            self._embedded = torch.cat([self._embedded, steps])
            self._sound = self._sound[2 * HOP * whole :]
        settled = [torch.zeros(0, SYMBOLS)]
        ready = (len(self._embedded) - self._span.ahead) // self._span.settled
        while ready > 0:
            settled.append(self._run(min(_AT_ONCE, ready)))
            ready -= _AT_ONCE
        return torch.cat(settled).numpy()

    def _run(self, chunks: int) -> Float[Tensor, "s 191"]:
        span, new = self._span, chunks * self._span.settled
        x = self._embedded.unfold(0, span.settled + span.ahead, span.settled)
        x = x[:chunks].transpose(1, 2)
        starts = self._settled + span.settled * torch.arange(chunks)
        place = starts[:, None] + torch.arange(-span.past, span.settled + span.ahead)
        hidden = torch.zeros(place.shape).masked_fill(place < 0, -torch.inf)[:, None, None]
        for layer, past in zip(self._network.layers, self._pasts, strict=True):
            x = layer(x, past, hidden, span)
        self._embedded = self._embedded[new:]
        self._settled += new
        self.ahead = self._network.probabilities(x[-1, span.settled :]).numpy()
        return self._network.probabilities(x[:, : span.settled].flatten(0, 1))
