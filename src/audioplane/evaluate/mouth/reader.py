"""A reader of one subject's mouth from pixels, without any downloaded model.

A landmark network is not always there, and does not read every face (a synthetic one, for
example). The subject has images with landmarks, so a ridge regression from the pixels around the
mouth to landmarks 48–67 and to the aperture is fitted on the training frames. The crop follows the
frame's pose, never the image, so that render and ground truth of a frame are cropped alike. Its
accuracy is measured on ground-truth frames that it was not fitted on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from audioplane.clock import spread_over
from audioplane.errors import SubjectError
from audioplane.evaluate.scores.lips import MouthTrack, correlation, landmark_distance
from audioplane.face.regions import mouth_aperture
from audioplane.media.image import read_image
from audioplane.subject import FrameRef, Subject

CROP = (32, 24)
"""Width and height of the crop, pixels."""
MARGIN = 0.2
"""Margin of the crop around the mouth's usual extent, as a fraction of that."""
MIN_TRAIN_FRAMES = 16
MAX_TRAIN_FRAMES = 800
MAX_CHECK_FRAMES = 500
"""Most frames that are used, evenly spread."""
WORSENED = 2
"""Degraded copies of every training frame. A render differs a little in place, sharpness and light,
and the reader must not take that for a movement of the mouth."""
NUDGE, GAIN, BLUR = 0.03, 0.1, 1.0
"""Degradation of the copies: standard deviation of place (fraction of the crop's width) and of
brightness (fraction), greatest standard deviation of the blur (pixels of the crop)."""
HELD_BACK = 5
"""One in so many training frames, the last of them, chooses the ridge strength."""
STRENGTHS = 10.0 ** np.arange(-2, 7)
"""Ridge strengths tried."""

_NOT = np.zeros(2)


@dataclass(frozen=True)
class MouthFrame:
    """Where the mouth is, fixed to the head."""

    anchor: Float[np.ndarray, "3"]
    """The crop's middle in world coordinates."""
    low: Float[np.ndarray, "2"]
    high: Float[np.ndarray, "2"]
    """The crop's corners about the anchor, in world units, x right and y down along the face."""
    K: Float[np.ndarray, "3 3"]

    def to_image(self, ref: FrameRef) -> Float[np.ndarray, "2 3"]:
        """Similarity from face-fixed coordinates (as `low`) to the pixels of a frame."""
        camera = ref.viewmat[:3, :3] @ self.anchor + ref.viewmat[:3, 3]
        centre = (self.K @ camera)[:2] / camera[2]
        across = ref.viewmat[:2, 0] / np.linalg.norm(ref.viewmat[:2, 0])
        scale = self.K[0, 0] / camera[2]
        x, y = scale * across
        return np.array([[x, -y, centre[0]], [y, x, centre[1]]])

    def crop(
        self, image: UInt8[np.ndarray, "h w 3"], ref: FrameRef, nudge: Float[np.ndarray, "2"] = _NOT
    ) -> UInt8[np.ndarray, "y x 3"]:
        """The mouth's pixels, `CROP` in size, upright.

        They look as if the face lay `nudge` further on, in face-fixed coordinates.
        """
        to_image = self.to_image(ref)
        to_image[:, 2] -= to_image[:, :2] @ nudge
        pixels = np.linalg.norm(to_image[:, 0]) * (self.high - self.low)[0]
        # Sampled at the image's own resolution, then averaged: no aliasing.
        finer = int(np.clip(np.ceil(pixels / CROP[0]), 1, 16))
        size = (CROP[0] * finer, CROP[1] * finer)
        step = (self.high - self.low) / size
        from_crop = np.array([[step[0], 0, self.low[0]], [0, step[1], self.low[1]], [0, 0, 1]])
        # Pixel centres lie at +0.5 in face-fixed coordinates, at whole numbers in OpenCV's.
        from_crop[:2, 2] += 0.5 * step
        matrix = to_image @ from_crop
        matrix[:, 2] -= 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return cv2.resize(warped, CROP, interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class ReadingAccuracy:
    """Accuracy of a reader on ground-truth frames that it was not fitted on."""

    aperture: float
    """Correlation of the aperture it reads with that of the landmarks."""
    landmarks: float
    """LMD between what it reads and the truth, pixels: an LMD below this means nothing."""
    n_frames: int


@dataclass(frozen=True)
class MouthReader:
    """Reads mouth aperture and landmarks of one subject. `MouthReader.fit` makes it."""

    frame: MouthFrame
    mean: Float[np.ndarray, " f"]
    spread: Float[np.ndarray, " f"]
    weights: Float[np.ndarray, "f 41"]
    """Ridge weights on standardised pixels."""
    bias: Float[np.ndarray, " 41"]
    strength: float
    """The ridge strength that was chosen."""
    accuracy: ReadingAccuracy | None = None
    """On the held-out frames of the subject; None where it has too few."""

    name = "mouth reader fitted on the subject's training frames"

    @staticmethod
    def fit(subject: Subject) -> "MouthReader":
        """Fit on the training frames of a subject, and measure on its held-out frames.

        Raises `SubjectError` where the training frames are fewer than `MIN_TRAIN_FRAMES`.
        """
        refs = [subject.train[i] for i in spread_over(len(subject.train), MAX_TRAIN_FRAMES)]
        if len(refs) < MIN_TRAIN_FRAMES:
            raise SubjectError(
                f"{subject.paths.root} has {len(refs)} training frames: "
                f"reading its mouth needs {MIN_TRAIN_FRAMES}"
            )
        landmarks = np.stack([subject.landmarks(r) for r in refs])
        frame = _locate(refs, landmarks, subject.K)
        pixels, targets = _examples(frame, subject, refs, _targets(frame, refs, landmarks))
        mean, spread = pixels.mean(0), pixels.std(0) + 1.0
        weights, bias, strength = _ridge((pixels - mean) / spread, targets)
        reader = MouthReader(frame, mean, spread, weights, bias, strength)
        return replace(reader, accuracy=reader._measure(subject))

    def read(
        self, frames: Iterable[UInt8[np.ndarray, "h w 3"]], refs: Sequence[FrameRef]
    ) -> MouthTrack:
        """Read T images, each seen with the pose of its frame; decoded one after the other."""
        pixels = [_pixels(self.frame.crop(f, r)) for f, r in zip(frames, refs, strict=True)]
        values = (np.array(pixels) - self.mean) / self.spread @ self.weights + self.bias
        local = values[:, 1:].reshape(-1, 20, 2)
        landmarks = [
            points @ m[:, :2].T + m[:, 2]
            for points, m in zip(local, map(self.frame.to_image, refs), strict=True)
        ]
        found = np.ones(len(refs), bool)
        return MouthTrack(np.maximum(values[:, 0], 0), np.array(landmarks), found)

    def _measure(self, subject: Subject) -> ReadingAccuracy | None:
        refs = [subject.val[i] for i in spread_over(len(subject.val), MAX_CHECK_FRAMES)]
        if len(refs) < 2:
            return None
        true = np.stack([subject.landmarks(r) for r in refs])
        seen = self.read((_recorded(subject, r) for r in refs), refs)
        distance = landmark_distance(seen.landmarks, true[:, 48:68].astype(np.float64))
        return ReadingAccuracy(
            correlation(seen.aperture, mouth_aperture(true)), float(distance.mean()), len(refs)
        )


def _recorded(subject: Subject, ref: FrameRef) -> UInt8[np.ndarray, "h w 3"]:
    return read_image(subject.paths.image(ref.img_id))


def _locate(
    refs: Sequence[FrameRef], landmarks: Float[np.ndarray, "t 68 2"], K: Float[np.ndarray, "3 3"]
) -> MouthFrame:
    """Fix the crop to the head: the world point that best projects to the mouth's middle."""
    middles = landmarks[:, 48:60].mean(1)
    rays = (middles - K[:2, 2]) / K[0, 0]
    views = np.stack([r.viewmat for r in refs])
    depth = views[:, 2, 3][:, None, None]
    # ray · (third row · X + t₃) = first two rows · X + t, linear in X.
    left = (rays[:, :, None] * views[:, 2:3, :3] - views[:, :2, :3]) / depth
    right = (views[:, :2, 3:] - rays[:, :, None] * views[:, 2:3, 3:]) / depth
    a, b = left.reshape(-1, 3), right.reshape(-1)
    # A head that hardly turns does not show how far its mouth lies in front: stay near the axis.
    pull = 1e-4 * np.trace(a.T @ a) / 3 * np.eye(3)
    anchor = np.linalg.solve(a.T @ a + pull, a.T @ b)
    origin = MouthFrame(anchor, np.zeros(2), np.zeros(2), K)
    local = _to_local(origin, refs, landmarks[:, 48:60]).reshape(-1, 2)
    low, high = np.percentile(local, [1, 99], axis=0)
    middle, half = (low + high) / 2, (0.5 + MARGIN) * (high - low)
    half = np.maximum(half, half[::-1] * np.array(CROP) / np.array(CROP[::-1]))
    return MouthFrame(anchor, middle - half, middle + half, K)


def _to_local(
    frame: MouthFrame, refs: Sequence[FrameRef], points: Float[np.ndarray, "t k 2"]
) -> Float[np.ndarray, "t k 2"]:
    """Pixels to face-fixed coordinates."""
    matrices = [cv2.invertAffineTransform(frame.to_image(r)) for r in refs]
    return np.stack([p @ m[:, :2].T + m[:, 2] for p, m in zip(points, matrices, strict=True)])


def _targets(
    frame: MouthFrame, refs: Sequence[FrameRef], landmarks: Float[np.ndarray, "t 68 2"]
) -> Float[np.ndarray, "t 41"]:
    """Aperture, then the 20 mouth landmarks in face-fixed coordinates."""
    local = _to_local(frame, refs, landmarks[:, 48:68]).reshape(len(refs), 40)
    return np.concatenate([mouth_aperture(landmarks)[:, None], local], axis=1)


def _examples(
    frame: MouthFrame,
    subject: Subject,
    refs: Sequence[FrameRef],
    targets: Float[np.ndarray, "t 41"],
) -> tuple[Float[np.ndarray, "n f"], Float[np.ndarray, "n 41"]]:
    """Pixels and targets of every frame as it is, followed by its `WORSENED` copies."""
    rng = np.random.default_rng(0)
    width = (frame.high - frame.low)[0]
    pixels, wanted = [], []
    for ref, target in zip(refs, targets, strict=True):
        image = _recorded(subject, ref)
        pixels.append(_pixels(frame.crop(image, ref)))
        wanted.append(target)
        for _ in range(WORSENED):
            nudge = rng.normal(0, NUDGE * width, 2)
            crop = frame.crop(image, ref, nudge)
            crop = cv2.GaussianBlur(crop, (0, 0), 0.1 + BLUR * rng.random())
            crop = cv2.convertScaleAbs(crop, alpha=1 + rng.normal(0, GAIN))
            pixels.append(_pixels(np.asarray(crop)))
            wanted.append(target + np.concatenate([[0], np.tile(nudge, 20)]))
    return np.array(pixels), np.array(wanted)


def _pixels(crop: UInt8[np.ndarray, "y x 3"]) -> Float[np.ndarray, " f"]:
    """Brightness at full resolution, the two colour differences at half of it."""
    planes = cv2.split(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb))
    half = (CROP[0] // 2, CROP[1] // 2)
    colour = [cv2.resize(p, half, interpolation=cv2.INTER_AREA).ravel() for p in planes[1:]]
    return np.concatenate([planes[0].ravel(), *colour]).astype(np.float64)


def _ridge(
    x: Float[np.ndarray, "t f"], y: Float[np.ndarray, "t k"]
) -> tuple[Float[np.ndarray, "f k"], Float[np.ndarray, " k"], float]:
    """Ridge regression; the strength is the one that predicts the last frames best.

    Returns:
        Weights, bias and strength.
    """
    cut = len(x) - max(1, len(x) // HELD_BACK)
    scale = y.std(0) + 1e-9
    bias = y[:cut].mean(0)
    errors = [
        np.square((x[cut:] @ w + bias - y[cut:]) / scale).mean()
        for w in _solve(x[:cut], y[:cut] - bias, STRENGTHS)
    ]
    strength = float(STRENGTHS[int(np.argmin(errors))])
    bias = y.mean(0)
    return _solve(x, y - bias, np.array([strength]))[0], bias, strength


def _solve(
    x: Float[np.ndarray, "t f"], y: Float[np.ndarray, "t k"], strengths: Float[np.ndarray, " s"]
) -> list[Float[np.ndarray, "f k"]]:
    """Ridge weights for several strengths from one singular value decomposition."""
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    projected = u.T @ y
    return [vt.T @ (projected * (s / (s**2 + strength))[:, None]) for strength in strengths]
