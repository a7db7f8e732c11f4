"""DeepSpeech 0.9.3: what it would spell, 50 times a second, in the windows of the AD-NeRF family.

Mozilla's TFLite file holds two graphs in one: 512 samples → 26 cepstral coefficients (`mfccs`), and
16 steps of those, each with 9 before and 9 after → 29 probabilities, through an LSTM whose state
goes in and out. Run as it is, both run each time; here they are taken apart. The LSTM only looks
back, so a speech of any length goes through it in one stream.

The peers' `aud_ds.npy` was made by DeepSpeech 0.1.0, another network with the same alphabet: a head
that was trained on one cannot be driven by the other.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from audioplane.errors import SpeechError
from audioplane.speech.window import STEP, STEPS_PER_FRAME, frame_count, peer_windows

SYMBOLS = 29
"""Space, a to z, apostrophe, and CTC's blank."""
FIELD = 512
"""Samples that one step's coefficients are made from."""
CONTEXT = 9
"""Steps before and after one that the network sees with it."""
_FLOOR = 1e-13
"""Probability below which none is told from another; the peers' logits reach as far down."""


def deepspeech_features(
    waveform: Float[np.ndarray, " n"], model: Path
) -> Float[np.ndarray, "t 16 29"]:
    """Logarithms of the symbols' probabilities: the network's logits but for a step's constant.

    Raises `SpeechError` where the file is not Mozilla's or does not load.
    """
    return peer_windows(deepspeech_steps(waveform, model))


def deepspeech_steps(waveform: Float[np.ndarray, " n"], model: Path) -> Float[np.ndarray, "s 29"]:
    """As `deepspeech_features`, two steps for each frame; past the sound's end, silence."""
    hearing, spelling = _load(model)
    cepstra = np.pad(_cepstra(waveform, hearing), ((CONTEXT, CONTEXT), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(cepstra, 2 * CONTEXT + 1, axis=0)
    inputs = view.transpose(0, 2, 1)
    batch = spelling.shape("input_node")[1]
    state = [np.zeros(spelling.shape(f"previous_state_{part}"), np.float32) for part in "ch"]
    steps = np.empty((len(inputs), SYMBOLS), np.float32)
    for first in range(0, len(inputs), batch):
        part = inputs[first : first + batch]
        padded = np.zeros((1, batch, *part.shape[1:]), np.float32)
        padded[0, : len(part)] = part
        spelt, *state = spelling.run(padded, *state)
        steps[first : first + len(part)] = spelt[: len(part)]
    return np.log(np.maximum(steps, _FLOOR))


def _cepstra(waveform: Float[np.ndarray, " n"], hearing: "_Graph") -> Float[np.ndarray, "s c"]:
    """Cepstral coefficients of every step, by the network's own graph."""
    count = STEPS_PER_FRAME * frame_count(len(waveform))
    padded = np.zeros((count - 1) * STEP + FIELD, np.float32)
    padded[: len(waveform)] = waveform[: len(padded)]
    frames = np.lib.stride_tricks.sliding_window_view(padded, FIELD)[::STEP]
    cepstra = np.empty((count, hearing.shape("mfccs")[-1]), np.float32)
    for row, frame in zip(cepstra, frames, strict=True):
        row[:] = hearing.run(frame)[0].reshape(-1)
    return cepstra


def _load(model: Path) -> tuple["_Graph", "_Graph"]:
    """What makes coefficients of sound, and what makes symbols of coefficients."""
    try:
        content = model.read_bytes()
        hearing = _Graph(content, ("input_samples",), ("mfccs",))
        spelling = _Graph(
            content,
            ("input_node", "previous_state_c", "previous_state_h"),
            ("logits", "new_state_c", "new_state_h"),
        )
    except Exception as e:  # LiteRT and flatbuffers raise whatever a damaged file leads them to
        raise SpeechError(
            f"{model} does not load as DeepSpeech 0.9.3 ({type(e).__name__}): fetch it again"
        ) from e
    if hearing.shape("input_samples") != (FIELD,) or spelling.shape("logits")[1:] != (SYMBOLS,):
        raise SpeechError(f"{model} is not the English DeepSpeech 0.9.3: fetch that one")
    return hearing, spelling


class _Graph:
    """The part of a TFLite model that leads from some of its inputs to some of its outputs."""

    def __init__(self, content: bytes, inputs: tuple[str, ...], outputs: tuple[str, ...]):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=_cut_out(content, inputs, outputs))
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._details = {d["name"]: d for side in details for d in side}
        self._inputs = [self._details[name]["index"] for name in inputs]
        self._outputs = [self._details[name]["index"] for name in outputs]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an input or output."""
        return tuple(int(n) for n in self._details[name]["shape"])

    def run(self, *values: np.ndarray) -> list[np.ndarray]:
        """Outputs for these inputs, both in the order in which they were named."""
        for index, value in zip(self._inputs, values, strict=True):
            self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _cut_out(content: bytes, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bytes:
    """A TFLite model that holds nothing but the operators that its outputs need."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(content)  # generated: all of it may be None
    graph = model.subgraphs[0]
    index = {tensor.name.decode(): i for i, tensor in enumerate(graph.tensors)}
    graph.inputs, graph.outputs = ([index[n] for n in names] for names in (inputs, outputs))
    needed, kept = set(graph.outputs), []
    for operator in reversed(graph.operators):  # they lie in the order in which they run
        if needed.intersection(operator.outputs):
            needed.update(operator.inputs)
            kept.append(operator)
    graph.operators = kept[::-1]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
