"""Feature kind `deepspeech`: the letters of DeepSpeech 0.9.3, 50 times a second, in the windows of
the AD-NeRF family.

Mozilla's TFLite file holds two graphs in one: 512 samples → 26 cepstral coefficients (`mfccs`), and
16 steps of those, each with 9 before and 9 after → 29 probabilities, through an LSTM whose state
goes in and out. Run as it is, both run each time; here they are taken apart. The LSTM only looks
back, so a sound of any length goes through it in one stream.

The `aud_ds.npy` of prior work was made by DeepSpeech 0.1.0, another network with the same alphabet:
a head that was trained on one cannot be driven by the other.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from audioplane.assets import ModelFile
from audioplane.errors import SpeechError
from audioplane.speech.kinds import Chunks, FeatureKind, register
from audioplane.speech.sound import Speech
from audioplane.speech.window import STEP, STEPS_PER_FRAME, prior_window_chunks

MODEL = ModelFile(
    "deepspeech-0.9.3-models.tflite",
    "https://github.com/mozilla/DeepSpeech/releases/download/v0.9.3/deepspeech-0.9.3-models.tflite",
    None,
    "speech",
)
"""Mozilla's DeepSpeech 0.9.3 for LiteRT, 47 MB (MPL-2.0)."""
SYMBOLS = 29
"""Space, a to z, apostrophe, and CTC's blank."""
FIELD = 512
"""Samples for the coefficients of one step."""
CONTEXT = 9
"""Context of a step in the network, steps before and after it."""
_FLOOR = 1e-13
"""Floor of the probabilities; prior work's logits reach as far down."""
_CHUNK = 1000
"""Steps whose coefficients are computed at a time: 20 s."""


def deepspeech_windows(speech: Speech, model: Path) -> Chunks:
    """Logarithms of the symbols' probabilities: the network's logits up to a constant a step.

    Raises `SpeechError` where the file is not Mozilla's or does not load.
    """
    return prior_window_chunks(deepspeech_steps(speech, model))


def deepspeech_steps(speech: Speech, model: Path) -> Iterator[Float32[np.ndarray, "_ 29"]]:
    """Two steps for each frame, in chunks; past the sound's end, silence."""
    cepstral, spelling = _load(model)
    batch = spelling.shape("input_node")[1]
    state = [np.zeros(spelling.shape(f"previous_state_{part}"), np.float32) for part in "ch"]
    missing = STEPS_PER_FRAME * speech.frames
    held = np.zeros((CONTEXT, cepstral.shape("mfccs")[-1]), np.float32)
    silence = np.zeros((CONTEXT + batch, held.shape[1]), np.float32)
    for cepstra in chain(_cepstra(speech, cepstral), [silence]):
        held = np.concatenate([held, cepstra])
        while missing and len(held) >= 2 * CONTEXT + batch:
            view = np.lib.stride_tricks.sliding_window_view(held, 2 * CONTEXT + 1, axis=0)
            inputs = np.ascontiguousarray(view[:batch].transpose(0, 2, 1))[None]
            spelt, *state = spelling.run(inputs, *state)
            steps, held = spelt[:batch][:missing], held[batch:]
            missing -= len(steps)
            yield np.log(np.maximum(steps, _FLOOR))


def _cepstra(speech: Speech, graph: "_Graph") -> Iterator[Float32[np.ndarray, "_ c"]]:
    """Cepstral coefficients of every step of the frames, by the network's own graph, in chunks."""
    count = STEPS_PER_FRAME * speech.frames
    lengths = [min(_CHUNK, count - first) for first in range(0, count, _CHUNK)]
    firsts = range(0, count * STEP, _CHUNK * STEP)
    spans = [(a, a + (n - 1) * STEP + FIELD) for a, n in zip(firsts, lengths, strict=True)]
    for n, piece in zip(lengths, speech.cut(spans), strict=True):
        cepstra = np.empty((n, graph.shape("mfccs")[-1]), np.float32)
        for row, first in zip(cepstra, range(0, n * STEP, STEP), strict=True):
            row[:] = graph.run(piece[first : first + FIELD])[0].reshape(-1)
        yield cepstra


def _load(model: Path) -> tuple["_Graph", "_Graph"]:
    """The graph from samples to coefficients, and that from coefficients to symbols."""
    try:
        content = model.read_bytes()
        cepstral = _Graph(content, ("input_samples",), ("mfccs",))
        spelling = _Graph(
            content,
            ("input_node", "previous_state_c", "previous_state_h"),
            ("logits", "new_state_c", "new_state_h"),
        )
    except Exception as e:  # LiteRT and flatbuffers raise exceptions of any type for a damaged file
        raise SpeechError(
            f"{model} does not load as DeepSpeech 0.9.3 ({type(e).__name__}): fetch it again"
        ) from e
    if cepstral.shape("input_samples") != (FIELD,) or spelling.shape("logits")[1:] != (SYMBOLS,):
        raise SpeechError(f"{model} is not the English DeepSpeech 0.9.3: fetch that model")
    return cepstral, spelling


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
    """A TFLite model reduced to the operators that its outputs need."""
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


register(
    FeatureKind(
        "deepspeech",
        deepspeech_windows,
        SYMBOLS,
        "letters by DeepSpeech",
        model=MODEL,
        package="ai_edge_litert",
    )
)
register(
    FeatureKind(
        "ds", None, SYMBOLS, "letters by DeepSpeech 0.1.0, of prior work", files=("aud.npy",)
    )
)
