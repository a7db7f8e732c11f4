"""`--device`: where the heavy work is done."""

import torch

from audioplane.cli.console import console
from audioplane.errors import DeviceError


def choose_device(name: str) -> torch.device:
    """What "auto", "cpu" or "cuda" means on this machine.

    Raises `DeviceError` if it asks for a GPU that is not there or that nothing can draw on.
    """
    if name == "cpu":
        return torch.device("cpu")
    reason = no_cuda()
    if reason is None:
        return torch.device("cuda")
    if name == "cuda":
        raise DeviceError(f"--device cuda: {reason}")
    if torch.cuda.is_available():
        console.print(f"the GPU stays unused: {reason}")
    return torch.device("cpu")


def no_cuda() -> str | None:
    """Why nothing can be drawn on a GPU here; None where it can."""
    if not torch.cuda.is_available():
        return f"this PyTorch ({torch.__version__}) sees no CUDA device"
    try:
        import gsplat  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        return f'it needs gsplat: pip install "audioplane[cuda]" ({error})'
    return None
