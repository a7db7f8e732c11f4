"""The code of a head whose mouth is at rest.

Trained speech features of silence do not give it: people breathe in pauses, and open their mouths.
"""

from jaxtyping import Float
from torch import Tensor

from audioplane.run.opening import Mouths

_CLOSED = 20
"""One in so many frames, those with the most closed lips."""


def rest_code(mouths: Mouths) -> Float[Tensor, " k"]:
    """The mean code of the frames, those of the training, whose lips are closed most."""
    count = max(1, len(mouths.apertures) // _CLOSED)
    closed = mouths.apertures.argsort(stable=True)[:count]
    return mouths.codes[closed.to(mouths.codes.device)].mean(0)
