"""Lip supervision: the audio's codes shall tell the mouth's shape, by a linear map.

One iteration renders one frame, and its picture says little to the audio encoder. But the encoder
hears dozens of frames an iteration, and the landmarks know the mouth's shape in each of them. The
linear map is thrown away after training; the model stays the paper's.

Speech does not tell all that lips do. A head that is shown frames whose lips it cannot know learns
their mean: lips that hardly part, teeth that blur. With teacher forcing it is told, in the code's
own space, what the speech left open; then one code means one mouth.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

_RIGID = (27, 28, 29, 30, 36, 39, 42, 45)
"""Landmarks that speech does not move: nose bridge and eye corners."""
_MOUTH = slice(48, 68)
_SHAPES = 8
"""Principal components of the mouth's shape that are learnt."""
_DAMPING = 0.01
"""What a shape's squared row in the reader must exceed for the shape to be told; f_a's own
deviations are about .4."""


def upright_mouths(landmarks: Float[np.ndarray, "t 68 2"]) -> Float[np.ndarray, "t 20 2"]:
    """Mouth landmarks after the similarity that brings the rigid ones to their mean."""
    points = landmarks[..., 0] + 1j * landmarks[..., 1]
    rigid = points[:, _RIGID] - points[:, _RIGID].mean(1, keepdims=True)
    mean = rigid.mean(0)
    turn = (rigid.conj() * mean).sum(1) / (np.abs(rigid) ** 2).sum(1)
    mouth = (points[:, _MOUTH] - points[:, _RIGID].mean(1, keepdims=True)) * turn[:, None]
    return np.stack([mouth.real, mouth.imag], -1)


class LipTargets:
    """Mouth shapes by row of the speech features, in units of their largest deviation."""

    def __init__(
        self,
        landmarks: Float[np.ndarray, "t 68 2"],
        rows: Int[np.ndarray, " t"],
        device: torch.device | str = "cpu",
    ):
        """`rows` are the feature rows of the frames whose landmarks are given."""
        shapes = upright_mouths(landmarks.astype(np.float64)).reshape(len(landmarks), -1)
        centred = shapes - shapes.mean(0)
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        scores = centred @ axes[:_SHAPES].T
        largest = scores[:, 0].std()
        by_row = torch.zeros(rows.max() + 1, scores.shape[1])
        by_row[rows] = torch.from_numpy(scores / max(largest, 1e-6)).float()
        known = torch.zeros(len(by_row), dtype=torch.bool)
        known[rows] = True
        self.scores, self.known = by_row.to(device), known.to(device)

    def linear_reader(self, code_dim: int) -> nn.Linear:
        """A map from codes to mouth shapes that predicts the mean shape at first."""
        reader = nn.Linear(code_dim, self.scores.shape[1])
        nn.init.zeros_(reader.weight)
        nn.init.zeros_(reader.bias)
        return reader.to(self.scores.device)


def lip_loss(
    reader: nn.Linear, targets: LipTargets, codes: Float[Tensor, "n d"], rows: Int[Tensor, " n"]
) -> Float[Tensor, ""]:
    """Mean squared error of the mouth shapes that codes tell, over the frames that have one."""
    known: Bool[Tensor, " n"] = targets.known[rows]
    error = (reader(codes) - targets.scores[rows]).square().mean(-1)
    return (error * known).sum() / known.sum().clamp_min(1)


def tell_lips(
    reader: nn.Linear, code: Float[Tensor, " d"], shape: Float[Tensor, " s"]
) -> Float[Tensor, " d"]:
    """The code moved as little as lets the reader read a mouth shape in it (damped).

    The reader learns nothing by it, and the code only where the shape does not show.
    """
    W, bias = reader.weight.detach(), reader.bias.detach()
    damped = W @ W.T + _DAMPING * torch.eye(len(W), device=W.device)
    missing = shape - nn.functional.linear(code, W, bias)
    return code + W.T @ torch.linalg.solve(damped, missing)
