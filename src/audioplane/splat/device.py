"""Which device heavy work is done on."""

from dataclasses import dataclass

import torch

from audioplane.errors import DeviceError


@dataclass(frozen=True)
class ChosenDevice:
    """A device, and what is to be said of the choice."""

    device: torch.device
    note: str = ""
    """Why a GPU that is there stays unused; empty otherwise."""


def choose_device(name: str) -> ChosenDevice:
    """What "auto", "cpu" or "cuda" means on this machine.

    Raises `DeviceError` if it asks for a GPU that is not there or that nothing can draw on.
    """
    if name == "cpu":
        return ChosenDevice(torch.device("cpu"))
    reason = no_cuda()
    if reason is None:
        return ChosenDevice(torch.device("cuda"))
    if name == "cuda":
        raise DeviceError(f"device=cuda: {reason}")
    unused = f"the GPU stays unused: {reason}" if torch.cuda.is_available() else ""
    return ChosenDevice(torch.device("cpu"), unused)


def no_cuda() -> str | None:
    """Why nothing can be drawn on a GPU here; None where it can."""
    if not torch.cuda.is_available():
        return f"this PyTorch ({torch.__version__}) sees no CUDA device"
    try:
        import gsplat  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        return f'it needs gsplat: pip install "audioplane[cuda]" ({error})'
    return None
