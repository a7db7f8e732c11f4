"""MediaPipe's segmentation of a person (selfie), or of a person's parts (multiclass)."""

from enum import IntEnum
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from audioplane.assets import ModelFile
from audioplane.errors import PrepareError
from audioplane.face.quiet import quiet

PERSON_NETWORK = ModelFile(
    "selfie_segmentation.tflite",
    "https://raw.githubusercontent.com/google-ai-edge/mediapipe/"
    "33d683c67100ef3db37d9752fcf65d30bea440c4/mediapipe/modules/selfie_segmentation/"
    "selfie_segmentation.tflite",
    "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
    "mediapipe",
)
"""MediaPipe's selfie segmentation, person against background (Apache-2.0, 0.25 MB)."""

SEGMENTER = ModelFile(
    "selfie_multiclass_256x256.tflite",
    "https://storage.googleapis.com/mediapipe-models/image_segmenter/selfie_multiclass_256x256/"
    "float32/1/selfie_multiclass_256x256.tflite",
    None,
    "mediapipe",
)
"""MediaPipe's multiclass selfie segmenter (Apache-2.0), used instead if it is on this machine."""


class Part(IntEnum):
    """Classes of the model."""

    BACKGROUND = 0
    HAIR = 1
    BODY_SKIN = 2
    FACE_SKIN = 3
    CLOTHES = 4
    OTHERS = 5


@runtime_checkable
class PartSegmenter(Protocol):
    """A segmenter into the parts of a person."""

    def segment(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
        """`Part` of every pixel."""
        ...


class SelfieSegmenter:
    """`PartSegmenter` over MediaPipe Tasks. A context manager."""

    def __init__(self, model: Path) -> None:
        """Load the model file. Raises `PrepareError` if it is not one for this task."""
        self._turn = Lock()  # a task works on one image at a time
        try:
            data = Path(model).read_bytes()
            classes = _count_classes(data)
            self._task: Any = _create(data, confidence=False)
        # MediaPipe says "not found" (an OSError) of metadata that a model lacks.
        except (RuntimeError, ValueError, OSError) as e:
            raise PrepareError(
                f"{model} is no image segmenter of MediaPipe Tasks: delete it, or give another"
            ) from e
        if classes != len(Part):
            self._task.close()
            raise PrepareError(
                f"{model} separates {classes} classes, not {len(Part)}: "
                "give selfie_multiclass_256x256.tflite"
            )

    def segment(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
        """`Part` of every pixel."""
        with self._turn:
            # The view does not keep the mask's memory alive: the mask must outlive the copy.
            mask = self._task.segment(_converted(image)).category_mask
            return mask.numpy_view().reshape(image.shape[:2]).astype(np.uint8)

    def __enter__(self) -> "SelfieSegmenter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task.close()


class PersonNetwork:
    """The person's share of each pixel, by a network that OpenCV runs."""

    _SIDE = 256

    def __init__(self, model: Path) -> None:
        """Load the model file. Raises `PrepareError` if it is none of this kind."""
        self._turn = Lock()  # the net keeps its last image
        try:
            with quiet():
                self._net = cv2.dnn.readNetFromTFLite(str(model))
            self.person(np.zeros((self._SIDE, self._SIDE, 3), np.uint8))
        except (cv2.error, ValueError) as e:
            raise PrepareError(
                f"{model} is no selfie segmentation of MediaPipe: delete it and try again"
            ) from e

    def person(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "256 256"]:
        """The person's share of each pixel of the scaled image, 0 to 1."""
        blob = cv2.dnn.blobFromImage(
            cv2.resize(image, (self._SIDE, self._SIDE), interpolation=cv2.INTER_AREA), 1 / 255
        )
        with self._turn:
            self._net.setInput(blob)
            return self._net.forward().reshape(self._SIDE, self._SIDE).copy()


def _create(model: bytes, confidence: bool) -> Any:
    """MediaPipe's task for single images: confidences of every class, or the likeliest one."""
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    options = vision.ImageSegmenterOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=model),
        output_category_mask=not confidence,
        output_confidence_masks=confidence,
    )
    with quiet():
        return vision.ImageSegmenter.create_from_options(options)


def _count_classes(model: bytes) -> int:
    """The number of a model's classes; its labels, which would give it, are optional."""
    with _create(model, confidence=True) as task:
        return len(task.segment(_converted(np.zeros((8, 8, 3), np.uint8))).confidence_masks)


def _converted(image: UInt8[np.ndarray, "h w 3"]) -> Any:
    import mediapipe as mp

    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
