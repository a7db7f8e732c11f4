"""Codes that come to rest where nobody speaks."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor


def eased(
    code: Float[Tensor, " k"], share: float, rest: Float[Tensor, " k"]
) -> Float[Tensor, " k"]:
    """A code of which the share (0 to 1) is speech, the others the mouth's rest."""
    return code if share >= 1 else torch.lerp(rest.to(code), code, share)


def eased_codes(
    codes: Iterable[Float[Tensor, " k"]],
    shares: Iterable[float],
    rest: Float[Tensor, " k"],
) -> Iterator[Float[Tensor, " k"]]:
    """`eased`, code by code."""
    for code, share in zip(codes, shares, strict=True):
        yield eased(code, share, rest)
