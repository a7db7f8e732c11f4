"""The code of a head whose mouth is at rest.

Trained speech features of silence do not give it: people breathe in pauses, and open their mouths.
"""

from jaxtyping import Float
from torch import Tensor

_CLOSED = 20
"""One in so many frames, those with the most closed lips."""


def rest_code(codes: Float[Tensor, "t k"], apertures: Float[Tensor, " t"]) -> Float[Tensor, " k"]:
    """The mean code of the training frames whose lips are closed most.

    Args:
        codes: Of the training frames.
        apertures: Of the mouths recorded in them (`face.regions.mouth_aperture`).
    """
    closed = apertures.argsort(stable=True)[: max(1, len(apertures) // _CLOSED)]
    return codes[closed.to(codes.device)].mean(0)
