"""A TFLite file with the inputs, outputs and first operators of Mozilla's DeepSpeech 0.9.3.

The published model cannot lie in this project. This one uses the same operators (LiteRT's
own spectrogram and cepstra); in the place of the LSTM is a recurrence c_t = c_{t−1} / 2 + U x_t,
unrolled over the 16 steps as theirs is, and the spelling is softmax(S c_t).
"""

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl
from flatbuffers import flexbuffers

STEPS, FRAMES, CEPSTRA, STATE, SYMBOLS = 16, 19, 26, 6, 29
FIELD, HOP = 512, 320


class _Builder:
    """Tensors, buffers and operators of one graph, by name."""

    def __init__(self) -> None:
        self.graph = tfl.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[])
        self.buffers = [tfl.BufferT()]
        self.codes: list[tfl.OperatorCodeT] = []
        self.index: dict[str, int] = {}

    def tensor(self, name: str, shape: tuple[int, ...], value: np.ndarray | None = None) -> str:
        """Add a tensor; with a value it is a constant."""
        buffer = 0
        kind = tfl.TensorType.FLOAT32
        if value is not None:
            kind = tfl.TensorType.INT32 if value.dtype == np.int32 else kind
            buffer = len(self.buffers)
            self.buffers.append(tfl.BufferT(data=np.frombuffer(value.tobytes(), np.uint8)))
        self.index[name] = len(self.graph.tensors)
        self.graph.tensors.append(
            tfl.TensorT(shape=list(shape), type=kind, buffer=buffer, name=name)
        )
        return name

    def run(self, code: int, inputs: list[str], outputs: list[str], **options: object) -> None:
        """Add an operator; `custom` and `settings` for those by name."""
        custom = options.pop("custom", None)
        settings = options.pop("settings", None)
        deprecated = min(code, 127)
        self.codes.append(
            tfl.OperatorCodeT(deprecated, customCode=custom, version=1, builtinCode=code)
        )
        operator = tfl.OperatorT(
            opcodeIndex=len(self.codes) - 1,
            inputs=[self.index[name] for name in inputs],
            outputs=[self.index[name] for name in outputs],
        )
        if settings is not None:
            packed = flexbuffers.Dumps(settings)
            operator.customOptions = np.frombuffer(bytes(packed), np.uint8)
        for name, value in options.items():
            operator.builtinOptionsType = getattr(tfl.BuiltinOptions, name)
            operator.builtinOptions = value
        self.graph.operators.append(operator)

    def write(self, path: Path, inputs: list[str], outputs: list[str]) -> Path:
        self.graph.inputs = [self.index[name] for name in inputs]
        self.graph.outputs = [self.index[name] for name in outputs]
        model = tfl.ModelT(
            version=3, operatorCodes=self.codes, subgraphs=[self.graph], buffers=self.buffers
        )
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def write_deepspeech(path: Path, seed: int = 0, symbols: int = SYMBOLS) -> Path:
    """Write the model with random weights."""
    b, rng, op = _Builder(), np.random.default_rng(seed), tfl.BuiltinOperator
    _add_hearing(b)
    _add_spelling(b, rng, symbols)
    # Mozilla's file also carries facts about itself, as outputs.
    b.tensor("facts", (1,), np.array([6], np.int32))
    b.tensor("metadata_version", (1,))
    b.graph.tensors[-1].type = tfl.TensorType.INT32
    b.tensor("one", (1,), np.array([1], np.int32))
    b.run(op.RESHAPE, ["facts", "one"], ["metadata_version"], ReshapeOptions=tfl.ReshapeOptionsT())
    return b.write(
        path,
        ["input_node", "previous_state_c", "previous_state_h", "input_samples"],
        ["logits", "new_state_c", "new_state_h", "mfccs", "metadata_version"],
    )


def _add_hearing(b: _Builder) -> None:
    op = tfl.BuiltinOperator
    b.tensor("input_samples", (FIELD,))
    b.tensor("column", (2,), np.array([FIELD, 1], np.int32))
    b.tensor("samples", (FIELD, 1))
    b.tensor("spectrogram", (1, 1, 257))
    b.tensor("rate", (), np.array(16000, np.int32))
    b.tensor("mfccs", (1, 1, CEPSTRA))
    b.run(
        op.RESHAPE, ["input_samples", "column"], ["samples"], ReshapeOptions=tfl.ReshapeOptionsT()
    )
    spectrogram = {"window_size": FIELD, "stride": HOP, "magnitude_squared": True}
    b.run(op.CUSTOM, ["samples"], ["spectrogram"], custom="AudioSpectrogram", settings=spectrogram)
    mfcc = {
        "upper_frequency_limit": 8000.0,
        "lower_frequency_limit": 20.0,
        "filterbank_channel_count": 40,
        "dct_coefficient_count": CEPSTRA,
    }
    b.run(op.CUSTOM, ["spectrogram", "rate"], ["mfccs"], custom="Mfcc", settings=mfcc)


def _add_spelling(b: _Builder, rng: np.random.Generator, symbols: int) -> None:
    op = tfl.BuiltinOperator
    reshape, dense = tfl.ReshapeOptionsT, tfl.FullyConnectedOptionsT

    def constant(name: str, value: np.ndarray) -> None:
        value = value if value.dtype == np.int32 else value.astype(np.float32)
        b.tensor(name, value.shape, value)

    lag = np.arange(STEPS)[:, None] - np.arange(STEPS)
    constant("flat", np.array([STEPS, FRAMES * CEPSTRA], np.int32))
    constant("U", rng.standard_normal((STATE, FRAMES * CEPSTRA)) * 0.002)
    constant("U_bias", np.zeros(STATE))
    constant("past", np.where(lag >= 0, 0.5 ** np.maximum(lag, 0), 0))
    constant("past_bias", np.zeros(STEPS))
    constant("decay", 0.5 ** np.arange(1, STEPS + 1)[:, None])
    constant("decay_bias", np.zeros(STEPS))
    constant("S", rng.standard_normal((symbols, STATE)))
    constant("S_bias", rng.standard_normal(symbols))
    constant("turn", np.array([1, 0], np.int32))
    constant("tall", np.array([STATE, 1], np.int32))
    constant("begin", np.array([STEPS - 1, 0], np.int32))
    constant("extent", np.array([1, STATE], np.int32))
    constant("nothing", np.zeros((1, STATE)))
    for name, shape in {
        "input_node": (1, STEPS, FRAMES, CEPSTRA),
        "previous_state_c": (1, STATE),
        "previous_state_h": (1, STATE),
        "x": (STEPS, FRAMES * CEPSTRA),
        "u": (STEPS, STATE),
        "u_turned": (STATE, STEPS),
        "activation": (STATE, STEPS),
        "c_before": (STATE, 1),
        "kept": (STATE, STEPS),
        "c_turned": (STATE, STEPS),
        "c": (STEPS, STATE),
        "scores": (STEPS, symbols),
        "logits": (STEPS, symbols),
        "new_state_c": (1, STATE),
        "new_state_h": (1, STATE),
    }.items():
        b.tensor(name, shape)
    b.run(op.RESHAPE, ["input_node", "flat"], ["x"], ReshapeOptions=reshape())
    b.run(op.FULLY_CONNECTED, ["x", "U", "U_bias"], ["u"], FullyConnectedOptions=dense())
    b.run(op.TRANSPOSE, ["u", "turn"], ["u_turned"], TransposeOptions=tfl.TransposeOptionsT())
    b.run(
        op.FULLY_CONNECTED,
        ["u_turned", "past", "past_bias"],
        ["activation"],
        FullyConnectedOptions=dense(),
    )
    b.run(op.RESHAPE, ["previous_state_c", "tall"], ["c_before"], ReshapeOptions=reshape())
    b.run(
        op.FULLY_CONNECTED,
        ["c_before", "decay", "decay_bias"],
        ["kept"],
        FullyConnectedOptions=dense(),
    )
    b.run(op.ADD, ["activation", "kept"], ["c_turned"], AddOptions=tfl.AddOptionsT())
    b.run(op.TRANSPOSE, ["c_turned", "turn"], ["c"], TransposeOptions=tfl.TransposeOptionsT())
    b.run(op.FULLY_CONNECTED, ["c", "S", "S_bias"], ["scores"], FullyConnectedOptions=dense())
    b.run(op.SOFTMAX, ["scores"], ["logits"], SoftmaxOptions=tfl.SoftmaxOptionsT(beta=1.0))
    b.run(op.SLICE, ["c", "begin", "extent"], ["new_state_c"], SliceOptions=tfl.SliceOptionsT())
    b.run(op.ADD, ["previous_state_h", "nothing"], ["new_state_h"], AddOptions=tfl.AddOptionsT())
