"""A model file as MediaPipe's image segmenter wants it, made here: nearest of six colours.

The published model cannot lie in this project. This one has its input [1,256,256,3], output
[1,256,256,6] and metadata, and one operator: the colour c_k nearest to x is where
2 c_k · x − |c_k|² is largest, a 1 × 1 convolution.
"""

from pathlib import Path

import flatbuffers
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as md
from mediapipe.tasks.metadata import schema_py_generated as tfl

SIDE = 256
_CONV_2D = 3
_MODEL_ID, _METADATA_ID = b"TFL3", b"M001"


def write_segmenter(path: Path, colours: np.ndarray, metadata: bool = True) -> Path:
    """Write a model whose class k is colour k of [n, 3], 0–255. Without metadata it is refused."""
    c = (colours.astype(np.float32) - 127.5) / 127.5
    weight, bias = 2 * c, -(c**2).sum(1)
    n = len(colours)
    graph = tfl.SubGraphT(
        tensors=[
            tfl.TensorT(shape=[1, SIDE, SIDE, 3], buffer=0, name="image"),
            tfl.TensorT(shape=[n, 1, 1, 3], buffer=1, name="colours"),
            tfl.TensorT(shape=[n], buffer=2, name="bias"),
            tfl.TensorT(shape=[1, SIDE, SIDE, n], buffer=0, name="scores"),
        ],
        inputs=[0],
        outputs=[3],
        operators=[_convolution()],
        name="main",
    )
    buffers = [b"", weight.tobytes(), bias.tobytes()] + ([_metadata()] if metadata else [])
    model = tfl.ModelT(
        version=3,
        operatorCodes=[tfl.OperatorCodeT(_CONV_2D, version=1, builtinCode=_CONV_2D)],
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
