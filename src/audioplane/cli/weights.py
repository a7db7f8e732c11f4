"""The arguments `--lpips-weights`, `--syncnet-weights` and `--download`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audioplane.cli.console import console
from audioplane.errors import ModelError

if TYPE_CHECKING:
    from audioplane.evaluate.syncnet import SyncNet
    from audioplane.perceptual import LPIPS


@dataclass(frozen=True)
class LpipsWeights:
    """The weights of LPIPS."""

    lpips_weights: Path | None = None
    """Folder with the weights of AlexNet and LPIPS; looked up if not given."""
    download: bool = False
    """Fetch these weights (233 MB) where they are not found. Without them LPIPS stays empty in
    reports, and D-SSIM stands in for it as a loss (preset paper)."""

    def find(self) -> LPIPS | None:
        """LPIPS on AlexNet; None, with the reason on the console, without weights.

        Raises `ModelError` where its weights were named or asked for, `CheckpointError` where they
        are not what they should be.
        """
        from audioplane.perceptual import LPIPS

        try:
            return LPIPS.load(self.lpips_weights, self.download)
        except ModelError as e:
            if self.lpips_weights is not None or self.download:
                raise
            console.print(f"without LPIPS: {e}; --download fetches them")
            return None


@dataclass(frozen=True)
class SyncNetWeights:
    """The weights of SyncNet."""

    syncnet_weights: Path | None = None
    """SyncNet's syncnet_v2.model or the folder that holds it; looked up if not given, fetched by
    --download (55 MB)."""
    download: bool = False
    """Fetch these weights where they are not found. Without them SyncNet's cells stay empty."""

    def find_syncnet(self) -> SyncNet | None:
        """SyncNet; None, with the reason on the console, without weights.

        Raises `ModelError` where its weights were named or asked for, `CheckpointError` where they
        are not what they should be.
        """
        from audioplane.evaluate.syncnet import SyncNet

        try:
            return SyncNet.load(self.syncnet_weights, self.download)
        except ModelError as e:
            if self.syncnet_weights is not None or self.download:
                raise
            console.print(f"without SyncNet: {e}; --download fetches it")
            return None


@dataclass(frozen=True)
class ScoreWeights(LpipsWeights, SyncNetWeights):
    """The weights of LPIPS and SyncNet."""

    download: bool = False
    """Fetch LPIPS's weights (233 MB) and SyncNet's (55 MB) where they are not found. Without them
    their cells stay empty."""
