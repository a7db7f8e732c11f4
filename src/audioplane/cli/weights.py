"""`--lpips-weights` and `--download`: LPIPS where its weights can be had."""

from pathlib import Path

from audioplane.cli.console import console
from audioplane.errors import CheckpointError
from audioplane.perceptual import LPIPS


def find_lpips(folder: Path | None, download: bool) -> LPIPS | None:
    """LPIPS on AlexNet; None, with the reason on the console, where its weights are not here.

    Raises `CheckpointError` where they were asked for by name or are damaged.
    """
    try:
        return LPIPS.load("alex", folder, download)
    except CheckpointError as e:
        if folder is not None or download:
            raise
        console.print(f"without LPIPS: {e}")
        return None
