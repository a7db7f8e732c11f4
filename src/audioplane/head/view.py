"""The camera of one frame, and where the body is in it."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class View:
    """A camera and its image size. Its tensors may lie on the CPU when the head does not."""

    viewmat: Float[Tensor, "4 4"]
    """World→camera, OpenCV axes."""
    K: Float[Tensor, "3 3"]
    width: int
    height: int
    body: Float[Tensor, "4 4"] | None = None
    """Of a head with a body: the view matrix in which the body stands as in the subject's reference
    frame (`head/body.py`)."""
