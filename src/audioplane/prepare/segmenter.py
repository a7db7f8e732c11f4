"""The person's parts by MediaPipe's multiclass selfie segmenter, where its file is at hand."""

from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from audioplane.errors import PrepareError


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
    """Anything that names the part of a person that each pixel shows."""

    def segment(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
        """`Part` of every pixel."""
        ...


class SelfieSegmenter:
    """`PartSegmenter` over MediaPipe Tasks. A context manager."""

    def __init__(self, model: Path) -> None:
        """Load the model file. Raises `PrepareError` if it is not one for this task."""
        from mediapipe.tasks import python as tasks
        from mediapipe.tasks.python import vision

        try:
            self._task: Any = vision.ImageSegmenter.create_from_options(
                vision.ImageSegmenterOptions(
                    base_options=tasks.BaseOptions(model_asset_buffer=Path(model).read_bytes()),
                    output_category_mask=True,
                    output_confidence_masks=False,
                )
            )
        except (RuntimeError, ValueError) as e:
            raise PrepareError(
                f"{model} is no image segmenter of MediaPipe Tasks: delete it, or give another"
            ) from e

    def segment(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
        """`Part` of every pixel."""
        import mediapipe as mp

        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        mask = self._task.segment(picture).category_mask.numpy_view()
        return mask.reshape(image.shape[:2]).astype(np.uint8)

    def __enter__(self) -> "SelfieSegmenter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task.close()
