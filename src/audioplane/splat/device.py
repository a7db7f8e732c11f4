"""The choice of a device."""

from dataclasses import dataclass

import torch

from audioplane.errors import DeviceError


@dataclass(frozen=True)
class ChosenDevice:
    """A device, with a note on the choice."""

    device: torch.device
    note: str = ""
    """Why a GPU that is there stays unused; empty otherwise."""


def choose_device(name: str) -> ChosenDevice:
    """The device for "auto", "cpu" or "cuda" on this machine.

    Raises `DeviceError` for another name, or if "cuda" is asked for and no GPU can render here.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"device={name!r}: choose auto, cpu or cuda")
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
    """Why no GPU can render here; None where one can."""
    if not torch.cuda.is_available():
        return f"this PyTorch ({torch.__version__}) sees no CUDA device"
    try:
        import gsplat  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        return f'it needs gsplat: pip install "audioplane[cuda]" ({error})'
    return None
