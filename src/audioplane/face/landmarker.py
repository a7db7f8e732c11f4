"""MediaPipe's face landmarker: 478 points and blendshapes of the faces in an image."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from audioplane.assets import ModelFile
from audioplane.errors import ModelError
from audioplane.face.quiet import quiet

FACE_LANDMARKER = ModelFile(
    "face_landmarker.task",
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    "face_landmarker.task",
    "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    "mediapipe",
)
"""MediaPipe's face landmarker: 478 landmarks and 52 blendshapes (Apache-2.0, 3.8 MB)."""

N_POINTS = 478
LEFT_TEMPLE, RIGHT_TEMPLE, FOREHEAD, CHIN = 234, 454, 10, 152
"""Extreme points of the face, left and right in the image."""

_CHIN_BEYOND = 0.1
"""How far the chin may leave the image, in face heights: tight crops cut it off when it drops."""
_HALF_JAW = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152)
_OTHER_HALF_JAW = (356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152)
_IBUG_17_TO_67 = (
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
    *(168, 197, 195, 4, 98, 97, 2, 326, 327),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),  # outer lip
    *(78, 81, 13, 311, 308, 402, 14, 178),  # inner lip; 81 is above 178, 311 above 402
)
INNER_LIP = (
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
)
"""The mouth opening as a closed polygon."""
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The outline of the face as a closed polygon, from the forehead clockwise in the image."""


BLENDSHAPES: tuple[str, ...] = tuple(
    """
    _neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight
    cheekPuff cheekSquintLeft cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft
    eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft eyeLookOutRight
    eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight
    jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight
    mouthFrownLeft mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft
    mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight mouthRollLower
    mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight
    mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft
    noseSneerRight
    """.split()
)
"""Names of the values in `Face.blendshapes`, in order."""


@dataclass(frozen=True)
class Face:
    """One detected face."""

    points: Float32[np.ndarray, "478 3"]
    """x and y in pixels of the image, z relative depth in the same unit, negative
    towards the camera."""
    blink: Float32[np.ndarray, "2"]
    """Closure of the image-left and image-right eye: 0 open, 1 closed."""
    blendshapes: Float32[np.ndarray, "52"] | None = None
    """Strength of each of `BLENDSHAPES`, 0 to 1."""

    @property
    def height(self) -> float:
        """Chin to forehead, pixels."""
        return float(np.linalg.norm(self.points[FOREHEAD, :2] - self.points[CHIN, :2]))

    @property
    def centre(self) -> Float32[np.ndarray, "2"]:
        """Middle of the points' bounding box, pixels."""
        return (self.points[:, :2].min(0) + self.points[:, :2].max(0)) / 2

    def inside(self, width: int, height: int) -> bool:
        """Whether eyes, mouth and most of the chin lie inside the image."""
        parts = self.points[[*INNER_LIP, 33, 263], :2]
        chin = self.points[CHIN, :2]
        slack = _CHIN_BEYOND * self.height
        low = np.minimum(parts.min(0), chin + slack)
        high = np.maximum(parts.max(0), chin - slack)
        return bool((low >= 0).all() and (high <= [width - 1, height - 1]).all())


def to_68(points: Float32[np.ndarray, "478 d"]) -> Float32[np.ndarray, "68 2"]:
    """The 68 iBUG landmarks of MediaPipe's 478: 17 evenly spaced along the jaw, 51 as they are."""
    xy = points[:, :2]
    near = _evenly_spaced(xy[list(_HALF_JAW)], 9)
    far = _evenly_spaced(xy[list(_OTHER_HALF_JAW)], 9)
    return np.concatenate([near, far[-2::-1], xy[list(_IBUG_17_TO_67)]]).astype(np.float32)


def _evenly_spaced(line: np.ndarray, n: int) -> np.ndarray:
    """`n` points at equal distances along a polyline, ends included."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], n)
    return np.stack([np.interp(at, along, line[:, i]) for i in range(line.shape[1])], -1)


class Landmarker:
    """Detects faces in single images, or follows one face through a video. A context manager.

    A following landmarker takes 25 images a second and smooths over time.
    """

    def __init__(self, model: Path, follow: bool = False, max_faces: int = 1) -> None:
        """Load the model file. `follow`: successive images are one video.

        Raises `ModelError` if it is not one for this task.
        """
        self._follow, self._max_faces = follow, max_faces
        try:
            self._model = Path(model).read_bytes()
            self._task, self._count = self._create(), 0
        # MediaPipe says "not found" (an OSError) of metadata that a model lacks.
        except (RuntimeError, ValueError, OSError) as e:
            raise ModelError(
                f"{model} is no face landmarker of MediaPipe Tasks: delete it, or give another"
            ) from e

    def _create(self) -> Any:
        from mediapipe.tasks import python as tasks
        from mediapipe.tasks.python import vision

        mode = vision.RunningMode.VIDEO if self._follow else vision.RunningMode.IMAGE
        options = vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=self._model),
            running_mode=mode,
            num_faces=self._max_faces,
            output_face_blendshapes=True,
        )
        with quiet():
            return vision.FaceLandmarker.create_from_options(options)

    def restart(self) -> None:
        """Forget the face that was followed: another shot begins."""
        self._task.close()
        self._task, self._count = self._create(), 0

    def __enter__(self) -> "Landmarker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task.close()

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Face]:
        """Faces in an RGB image, the largest first."""
        import mediapipe as mp

        converted = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        if self._follow:
            result = self._task.detect_for_video(converted, self._count * 40)
            self._count += 1
        else:
            result = self._task.detect(converted)
        height, width = image.shape[:2]
        faces = [
            Face(_points(landmarks, width, height), _blink(shapes), _strengths(shapes))
            for landmarks, shapes in zip(
                result.face_landmarks, result.face_blendshapes, strict=True
            )
        ]
        return sorted(faces, key=lambda f: -f.height)


def _points(landmarks: Any, width: int, height: int) -> Float32[np.ndarray, "478 3"]:
    """Normalised landmarks to pixels; z has the unit of x."""
    points = np.array([[p.x, p.y, p.z] for p in landmarks], dtype=np.float32)
    return points * np.array([width, height, width], np.float32)


def _blink(shapes: Any) -> Float32[np.ndarray, "2"]:
    """Blink scores; the person's right eye is the image's left one."""
    score = {s.category_name: s.score for s in shapes}
    return np.array([score["eyeBlinkRight"], score["eyeBlinkLeft"]], np.float32)


def _strengths(shapes: Any) -> Float32[np.ndarray, "52"]:
    score = {s.category_name: s.score for s in shapes}
    return np.array([score[name] for name in BLENDSHAPES], np.float32)
