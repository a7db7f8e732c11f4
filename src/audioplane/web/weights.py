"""The arrays of a head as the browser's kernels take them (`kernel/head.h`, `page/engine.js`)."""

import numpy as np
import torch
from torch import Tensor, nn

from audioplane.errors import CheckpointError
from audioplane.head import DetailMap, Head
from audioplane.head.audio import AudioEncoder
from audioplane.head.audio_plane import AudioPrototypes
from audioplane.head.deformation import DELTA
from audioplane.web.head_bin import Kind

Arrays = dict[str, tuple[np.ndarray, Kind]]
_DELTA = 24
"""Columns of D₁'s output in the kernels, a multiple of 8."""


def check_shape(head: Head) -> None:
    """Raise `CheckpointError` for a head whose kind the page cannot compute."""
    shape = head.shape
    wrong = {
        f"encoder={shape.encoder!r}": shape.encoder != "audio-plane",
        f"attention={shape.attention!r}": shape.attention != "cross",
        "dynamism=False": not shape.dynamism,
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise CheckpointError(
                f"a head with {name} cannot be exported for browsers: train one with the default"
            )


def head_arrays(head: Head, encoder: AudioEncoder) -> Arrays:
    """All that turns windows of `encoder`'s features and expressions into Gaussians."""
    return drawn_arrays(head) | _prototypes(head) | encoder_arrays(encoder)


@torch.no_grad()
def drawn_arrays(head: Head) -> Arrays:
    """All that turns codes and expressions into Gaussians."""
    check_shape(head)
    g = head.gaussians
    by_audio, by_expression = head.moving()
    index = torch.cat([by_audio, by_expression])
    arrays: Arrays = {
        "means": (_array(g.means), "u16"),
        "quats": (_array(g.quats), "f16"),
        "log_scales": (_array(g.log_scales), "f16"),
        "logits": (_array(g.logits), "f16"),
        "sh": (_array(g.sh.flatten(1)), "f16"),
        "index": (index.numpy().astype(np.float32), "f32"),
        "S": (_array(head.space_features(index)), "i16"),
    }
    weights = head.body_weights()
    if weights is not None:
        arrays["weights"] = (_array(weights), "f16")
    if head.detail is not None:
        arrays |= _detail(head.detail)
    return arrays | _field(head) | _expression(head)


def _detail(detail: DetailMap) -> Arrays:
    """The detail map, its texture cut to what is there; `corner` is where that begins (x, y)."""
    texture = detail.texture.numpy()
    rows, columns = (np.flatnonzero(texture.any(axis)) for axis in (1, 0))
    if not len(rows):
        return {}
    left, top = columns[0], rows[0]
    carriers = detail.carriers.numpy().astype(np.float32)
    return {
        "detail.texture": (texture[top : rows[-1] + 1, left : columns[-1] + 1], "i8"),
        "detail.corner": (np.array([left, top], np.float32), "f32"),
        "detail.carriers": (carriers, "u16" if carriers.max() < 1 << 16 else "f32"),
        "detail.weights": (_array(detail.weights), "u16"),
        "detail.origins": (_array(detail.origins), "u16"),
    }


def _field(head: Head) -> Arrays:
    """D₁ and D₂, first layers side by side, transposed so that a row is an input."""
    field = head.field
    middle, gate = field.rest[1], field.dynamism_rest[1]
    assert isinstance(middle, nn.Linear) and isinstance(gate, nn.Linear)
    firsts = (field.first, field.dynamism_first)
    last = np.zeros((len(field.output.weight[0]), _DELTA), np.float32)
    last[:, : DELTA.sh.stop] = _array(field.output.weight.T)
    last_bias = np.zeros(_DELTA, np.float32)
    last_bias[: DELTA.sh.stop] = _array(field.output.bias)
    return {
        "field.first": (_array(torch.cat([x.weight for x in firsts]).T), "f16"),
        "field.first_bias": (_array(torch.cat([x.bias for x in firsts])), "f32"),
        "field.second": (_array(middle.weight.T), "f16"),
        "field.second_bias": (_array(middle.bias), "f32"),
        "field.third": (last, "f16"),
        "field.third_bias": (last_bias, "f32"),
        "field.gate": (_array(torch.cat([gate.weight[0], gate.bias])), "f32"),
    }


def _expression(head: Head) -> Arrays:
    code = head.expression
    arrays = _linears("expression", code.network)
    for name in ("rest", "scale", "low", "high"):
        arrays[f"expression.{name}"] = (_array(getattr(code, name)), "f32")
    return arrays


def _prototypes(head: Head) -> Arrays:
    prototypes = head.prototypes
    assert isinstance(prototypes, AudioPrototypes)
    arrays: Arrays = {}
    for s, (query, grid) in enumerate(zip(prototypes.queries, prototypes.grids, strict=True)):
        assert isinstance(query, nn.Linear)
        arrays[f"prototypes.{s}.query"] = (_array(query.weight), "f16")
        arrays[f"prototypes.{s}.query_bias"] = (_array(query.bias), "f32")
        arrays[f"prototypes.{s}.grid"] = (_array(grid), "f16")
    return arrays


def encoder_arrays(encoder: AudioEncoder) -> Arrays:
    """AudioNet and AudioAttNet, and the training's statistics."""
    return {
        **_linears("net.convolutions", encoder.net.convolutions),
        **_linears("net.linear", encoder.net.linear),
        **_linears("attention.convolutions", encoder.attention.convolutions),
        "attention.linear.0": (_array(encoder.attention.linear.weight), "f16"),
        "attention.linear.0_bias": (_array(encoder.attention.linear.bias), "f32"),
        "mean": (_array(encoder.mean), "f32"),
        "std": (_array(encoder.std), "f32"),
    }


def _linears(name: str, layers: nn.Sequential) -> Arrays:
    """Weights and biases of the layers that have some, numbered in their order."""
    arrays: Arrays = {}
    own = [layer for layer in layers if isinstance(layer, nn.Linear | nn.Conv1d)]
    for i, layer in enumerate(own):
        assert layer.bias is not None
        arrays[f"{name}.{i}"] = (_array(layer.weight), "f16")
        arrays[f"{name}.{i}_bias"] = (_array(layer.bias), "f32")
    return arrays


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().float().contiguous().numpy()
