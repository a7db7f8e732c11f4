"""Lip supervision: a linear map reads the mouth's shape from the audio codes.

One iteration renders one frame, whose image says little to the audio encoder. But it encodes dozens
of frames, and the landmarks give the mouth's shape in each of them. The linear map is dropped after
training; the model stays the paper's.

Speech does not determine all that lips do. A head trained on frames whose lips its input does not
determine learns their mean: lips that hardly part, teeth that blur. Teacher forcing adds what the
speech left open, in the code's own space; then one code means one mouth.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from audioplane.face.similarity import fit_similarity

_RIGID = (27, 28, 29, 30, 36, 39, 42, 45)
"""Landmarks that speech does not move: nose bridge and eye corners."""
_MOUTH = slice(48, 68)
_SHAPES = 8
"""Principal components of the mouth's shape that are learnt."""
_TURN_PRIOR = 0.4
"""Squared radians of turning, summed over a clip, at which half of what a turn does to a mouth's
image is removed. Less turning removes less: a little goes with speech by chance."""
_DAMPING = 0.01
"""What a shape's squared row in the reader must exceed for the shape to be forced; f_a's own
deviations are about .4."""


def upright_mouths(landmarks: Float[np.ndarray, "t 68 2"]) -> Float[np.ndarray, "t 20 2"]:
    """Mouth landmarks after the similarity that brings the rigid ones to their mean."""
    landmarks = landmarks.astype(np.float64)
    rigid, mouths = landmarks[:, _RIGID], landmarks[:, _MOUTH]
    mean = (rigid - rigid.mean(1, keepdims=True)).mean(0)
    return np.stack([fit_similarity(r, mean)(m) for r, m in zip(rigid, mouths, strict=True)])


def as_unturned(
    shapes: Float[np.ndarray, "t k"], views: Float[np.ndarray, "t 4 4"]
) -> Float[np.ndarray, "t k"]:
    """Shapes less what depends linearly on how far the head is turned (by ridge regression)."""
    turns = Rotation.from_matrix(views[:, :3, :3])
    away = (turns * turns.mean().inv()).as_rotvec()
    away = away - away.mean(0)
    damped = away.T @ away + _TURN_PRIOR * np.eye(3)
    return shapes - away @ np.linalg.solve(damped, away.T @ (shapes - shapes.mean(0)))


class LipTargets:
    """Mouth shapes by row of the speech features, in units of their largest deviation.

    What turning the head does to a mouth's image is left out: speech does not tell it, and the
    camera shows it anyway.
    """

    def __init__(
        self,
        mouths: Float[np.ndarray, "t 20 2"],
        views: Float[np.ndarray, "t 4 4"],
        rows: Int[np.ndarray, " t"],
        device: torch.device | str = "cpu",
    ):
        """`mouths` are upright (`upright_mouths`); `views` (world→camera) and `rows` (of the
        features) belong to them."""
        shapes = as_unturned(mouths.reshape(len(mouths), -1), views)
        centred = shapes - shapes.mean(0)
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        scores = centred @ axes[:_SHAPES].T
        largest = max(scores[:, 0].std(), 1e-6)
        self._mean, self._axes = shapes.mean(0), largest * axes[:_SHAPES]
        by_row = torch.zeros(rows.max() + 1, scores.shape[1])
        by_row[rows] = torch.from_numpy(scores / largest).float()
        known = torch.zeros(len(by_row), dtype=torch.bool)
        known[rows] = True
        self.scores, self.known = by_row.to(device), known.to(device)

    def mouths(self, scores: Float[np.ndarray, "t s"]) -> Float[np.ndarray, "t 20 2"]:
        """Upright mouth landmarks of scores, in pixels."""
        return (self._mean + scores @ self._axes).reshape(len(scores), -1, 2)

    def linear_reader(self, code_dim: int) -> nn.Linear:
        """A map from codes to mouth shapes that predicts the mean shape at first."""
        reader = nn.Linear(code_dim, self.scores.shape[1])
        nn.init.zeros_(reader.weight)
        nn.init.zeros_(reader.bias)
        return reader.to(self.scores.device)


def force_lips(
    reader: nn.Linear, code: Float[Tensor, " d"], shape: Float[Tensor, " s"]
) -> Float[Tensor, " d"]:
    """Teacher forcing: the code, moved as little as lets the reader find a mouth shape in it.

    Damped; the reader gets no gradient by it.
    """
    W, bias = reader.weight.detach(), reader.bias.detach()
    damped = W @ W.T + _DAMPING * torch.eye(len(W), device=W.device)
    missing = shape - nn.functional.linear(code, W, bias)
    return code + W.T @ torch.linalg.solve(damped, missing)
