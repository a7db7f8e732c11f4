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
"""Squared radians of turning, summed over a clip, that teach half of what a turn does to a mouth's
picture. Less teaches less: a little turning goes with speech by chance."""
_DRIFT = 0.2
"""What the mean error of a run of frames counts, beside how its frames differ."""
_DAMPING = 0.01
"""What a shape's squared row in the reader must exceed for the shape to be told; f_a's own
deviations are about .4."""


def upright_mouths(landmarks: Float[np.ndarray, "t 68 2"]) -> Float[np.ndarray, "t 20 2"]:
    """Mouth landmarks after the similarity that brings the rigid ones to their mean."""
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

    What turning the head does to a mouth's picture is left out: speech does not tell it, and the
    camera shows it anyway.
    """

    def __init__(
        self,
        landmarks: Float[np.ndarray, "t 68 2"],
        views: Float[np.ndarray, "t 4 4"],
        rows: Int[np.ndarray, " t"],
        device: torch.device | str = "cpu",
    ):
        """`views` (world→camera) and `rows` (of the features) belong to the landmarks."""
        shapes = upright_mouths(landmarks.astype(np.float64)).reshape(len(landmarks), -1)
        shapes = as_unturned(shapes, views)
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
    reader: nn.Linear, targets: LipTargets, codes: Float[Tensor, "r t d"], rows: Int[Tensor, "r t"]
) -> Float[Tensor, ""]:
    """Mean squared error of the mouth shapes that codes tell, over the frames that have one.

    A smile or a mood keeps lips away from what is said for seconds, so errors of neighbouring
    frames are alike: what a whole run of frames is off by counts less (generalised least squares).
    """
    known = targets.known[rows][..., None]
    error = (reader(codes) - targets.scores[rows]) * known
    count = known.sum(1, keepdim=True).clamp_min(1)
    common = error.sum(1, keepdim=True) / count
    own = (error - common) * known
    squares = own.square().sum() + _DRIFT * (count * common.square()).sum()
    return squares / (error.shape[-1] * known.sum().clamp_min(1))


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
