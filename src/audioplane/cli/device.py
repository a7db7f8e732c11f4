"""The argument `--device`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audioplane.cli.console import console

if TYPE_CHECKING:
    import torch


def use_device(name: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda" on this machine. Raises as `choose_device` does."""
    from audioplane.splat.device import choose_device

    chosen = choose_device(name)
    if chosen.note:
        console.print(chosen.note)
    return chosen.device
