"""Model files of MediaPipe's two kinds of selfie segmentation, made here: the published ones cannot
lie in this project. Both see one pixel at a time, by a 1 × 1 convolution.
"""

from pathlib import Path

import flatbuffers
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as md
from mediapipe.tasks.metadata import schema_py_generated as tfl

SIDE = 256
_CONV_2D, _LOGISTIC = 3, 14
_MODEL_ID, _METADATA_ID = b"TFL3", b"M001"


def write_segmenter(path: Path, colours: np.ndarray, metadata: bool = True) -> Path:
    """Write a part segmenter, [1,256,256,3] to [1,256,256,n], whose class k is colour k of [n, 3],
    0–255: the nearest c_k is where 2 c_k · x − |c_k|² is largest. Without metadata MediaPipe
    refuses it."""
    c = (colours.astype(np.float32) - 127.5) / 127.5
    weight, bias = 2 * c, -(c**2).sum(1)
    return _write(path, weight, bias, [_convolution()], _metadata() if metadata else None)


def write_person_network(path: Path, weight: tuple[float, float, float], bias: float) -> Path:
    """Write a person network, [1,256,256,3] to [1,256,256,1]: sigmoid(w · RGB / 255 + b)."""
    sigmoid = tfl.OperatorT(opcodeIndex=1, inputs=[3], outputs=[4])
    w, b = np.float32([weight]), np.float32([bias])
    return _write(path, w, b, [_convolution(), sigmoid], None)


def _write(
    path: Path,
    weight: np.ndarray,
    bias: np.ndarray,
    operators: list[tfl.OperatorT],
    metadata: bytes | None,
) -> Path:
    n = len(weight)
    sides = [1, SIDE, SIDE]
    tensors = [
        tfl.TensorT(shape=[*sides, 3], buffer=0, name="image"),
        tfl.TensorT(shape=[n, 1, 1, 3], buffer=1, name="colours"),
        tfl.TensorT(shape=[n], buffer=2, name="bias"),
        *(
            tfl.TensorT(shape=[*sides, n], buffer=0, name=f"scores{i}")
            for i in range(len(operators))
        ),
    ]
    graph = tfl.SubGraphT(
        tensors=tensors,
        inputs=[0],
        outputs=[len(tensors) - 1],
        operators=operators,
        name="main",
    )
    buffers = [b"", weight.tobytes(), bias.tobytes()] + ([metadata] if metadata else [])
    codes = (_CONV_2D, _LOGISTIC)[: len(operators)]
    model = tfl.ModelT(
        version=3,
        operatorCodes=[tfl.OperatorCodeT(c, version=1, builtinCode=c) for c in codes],
        subgraphs=[graph],
        buffers=[tfl.BufferT(data=np.frombuffer(b, np.uint8)) for b in buffers],
        metadata=[tfl.MetadataT("TFLITE_METADATA", 3)] if metadata else [],
    )
    path.write_bytes(_packed(model, _MODEL_ID))
    return path


def _convolution() -> tfl.OperatorT:
    options = tfl.Conv2DOptionsT(
        padding=tfl.Padding.VALID, strideW=1, strideH=1, dilationWFactor=1, dilationHFactor=1
    )
    return tfl.OperatorT(
        inputs=[0, 1, 2],
        outputs=[3],
        builtinOptionsType=tfl.BuiltinOptions.Conv2DOptions,
        builtinOptions=options,
    )


def _metadata() -> bytes:
    """The input's normalisation, which float models must state, and a name for the output."""
    scaling = md.ProcessUnitT(
        md.ProcessUnitOptions.NormalizationOptions, md.NormalizationOptionsT([127.5], [127.5])
    )
    image = md.ContentT(
        md.ContentProperties.ImageProperties, md.ImagePropertiesT(md.ColorSpaceType.RGB)
    )
    graph = md.SubGraphMetadataT(
        inputTensorMetadata=[md.TensorMetadataT("image", content=image, processUnits=[scaling])],
        outputTensorMetadata=[md.TensorMetadataT("scores")],
    )
    meta = md.ModelMetadataT(name="ImageSegmenter", subgraphMetadata=[graph])
    return _packed(meta, _METADATA_ID)


def _packed(table: tfl.ModelT | md.ModelMetadataT, identifier: bytes) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(table.Pack(builder), identifier)
    return bytes(builder.Output())
