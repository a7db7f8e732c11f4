"""The audio codes of a head that speaks live: one frame at a time, on the CPU."""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from audioplane.head.audio import AUDIO_DIM, CONTEXT_AFTER, CONTEXT_BEFORE, RunningNorm
from audioplane.head.audio_kernels import Scratch, encode, represent
from audioplane.head.head import Head
from audioplane.simd import LANES
from audioplane.simd_products import flat

_CONTEXT = CONTEXT_BEFORE + 1 + CONTEXT_AFTER


class FrameEncoder:
    """The networks from features to codes as they are now; later changes of their weights have no
    effect. Of one thread."""

    def __init__(self, head: Head):
        """`head`: on the CPU; moved by the audio, not by time."""
        encoder = head.encoder
        net, attention = _convolutions(encoder.net), _convolutions(encoder.attention)
        linears = [x for x in encoder.net.linear if isinstance(x, nn.Linear)]
        self._net, net_weights = _laid_out(net)
        self._attention, attention_weights = _laid_out(attention)
        weights = [*net_weights, *_linear(*linears), *attention_weights]
        self._weights = np.concatenate([*weights, *_linear(encoder.attention.linear)])
        self._scratch: Scratch | None = None
        self._head, self._prototypes = head, None
        if head.prototypes is not None and head.prototypes.attention == "cross":
            queries = [x for x in head.prototypes.queries if isinstance(x, nn.Linear)]
            grids = list(head.prototypes.grids)
            self._prototypes = (
                np.stack([query.weight.detach().numpy() for query in queries]),
                np.stack([query.bias.detach().numpy() for query in queries]),
                np.concatenate([grid.detach().numpy() for grid in grids]),
                np.cumsum([0, *map(len, grids)]),
            )

    def raw(self, windows: Float[np.ndarray, "8 w f"]) -> Float32[np.ndarray, "1 64"]:
        """A frame's vector before normalisation (`AudioEncoder.raw_runs`).

        Raises `ValueError` for features of another size than the head's.
        """
        steps, inputs = windows.shape[1:]
        if windows.shape != (_CONTEXT, steps, self._net[0, 0]):  # the kernel checks no bounds
            raise ValueError(f"features of {windows.shape}, not [{_CONTEXT}, w, {self._net[0, 0]}]")
        widest = max(inputs, *self._net[:, 1]) * _CONTEXT * steps
        if self._scratch is None or len(self._scratch.one) < widest:
            # The vectors are kept behind what the attention's convolutions gather.
            sizes = 3 * widest + _CONTEXT * AUDIO_DIM, widest, widest
            self._scratch = Scratch(*(np.empty(n, np.float32) for n in sizes))
        x, linear = np.ascontiguousarray(windows, np.float32).ravel(), (AUDIO_DIM, steps)
        encode(x, self._net, self._attention, linear, self._weights, self._scratch)
        return self._scratch.one[None, :AUDIO_DIM].copy()

    def code(
        self,
        windows: Float[np.ndarray, "8 w f"],
        norm: RunningNorm,
        spoken: bool,
        articulation: float,
    ) -> Float[Tensor, "1 k"]:
        """As `Head.excerpt_codes`, of the one frame that 4 windows precede and 3 follow."""
        raw = torch.from_numpy(self.raw(windows))
        vector = self._head.encoder.adapted(raw, norm, spoken, articulation)
        if self._prototypes is None:
            return self._head.codes_of(vector)
        made = np.empty((len(self._prototypes[0]), self._prototypes[2].shape[1]), np.float32)
        represent(vector.numpy()[0], *self._prototypes, made)
        return self._head.spread(torch.from_numpy(made.reshape(1, -1)))


def _convolutions(network: nn.Module) -> list[nn.Conv1d]:
    return [x for x in network.modules() if isinstance(x, nn.Conv1d)]


def _laid_out(layers: list[nn.Conv1d]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Inputs, columns and stride of convolutions, and their weights tap by tap, columns padded."""
    shapes, weights, inputs = [], [], layers[0].in_channels
    for layer in layers:
        columns = -(-layer.out_channels // LANES) * LANES
        padded = np.zeros((layer.out_channels, 3, inputs), np.float32)
        padded[:, :, : layer.in_channels] = layer.weight.detach().permute(0, 2, 1).numpy()
        assert layer.bias is not None
        weights.append(flat(padded.reshape(len(padded), -1), layer.bias.detach().numpy()))
        shapes.append((inputs, columns, layer.stride[0]))
        inputs = columns
    return np.array(shapes), weights


def _linear(*layers: nn.Linear) -> list[np.ndarray]:
    return [flat(x.weight.detach().numpy(), x.bias.detach().numpy()) for x in layers]
