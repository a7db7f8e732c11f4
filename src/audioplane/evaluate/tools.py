"""The networks behind the scores: landmarker, LPIPS and SyncNet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audioplane.assets import find_model, sha256_of
from audioplane.evaluate.scores.metrics import Image
from audioplane.evaluate.syncnet import NO_SYNCNET, SyncJudge, SyncNet
from audioplane.face.landmarker import FACE_LANDMARKER
from audioplane.perceptual import LPIPS

LPIPS_NOTE = "LPIPS v0.1 on AlexNet"
NO_LPIPS = "LPIPS needs AlexNet's weights (233 MB), which were not given (docs/evaluation.md)"

Perceptual = Callable[[Image, Image], float]
"""LPIPS of two images."""


@dataclass(frozen=True)
class Tools:
    """The networks behind the scores; None leaves a score's cells empty, with the reason."""

    landmarker: Path | None = None
    """MediaPipe's `face_landmarker.task`; None looks where model files are kept."""
    lpips: LPIPS | None = None
    """On AlexNet."""
    syncnet: SyncNet | None = None
    """With the authors' weights."""

    @property
    def perceptual(self) -> Perceptual | None:
        """LPIPS of two images, if its weights are there."""
        return self.lpips.score if self.lpips else None

    def landmarker_file(self) -> Path | None:
        """The landmarker, if it is on this machine.

        Raises `ModelError` where a file was named and is not there.
        """
        return find_model(FACE_LANDMARKER, self.landmarker)

    def judge(self) -> SyncJudge:
        """SyncNet with what it needs to find faces. Raises as `landmarker_file` does."""
        return SyncJudge(self.syncnet, self.landmarker_file())

    def weights(self) -> dict[str, str]:
        """Each network with its files' SHA-256, or why there is none."""
        model = self.landmarker_file()
        return {
            FACE_LANDMARKER.name: sha256_of(model) if model else "not found",
            "LPIPS": _lpips_files(self.lpips) if self.lpips else NO_LPIPS,
            "SyncNet": _syncnet_file(self.syncnet) if self.syncnet else NO_SYNCNET,
        }


def _lpips_files(lpips: LPIPS) -> str:
    return ", ".join(f"{p.name} {sha256_of(p)}" for p in lpips.files) or LPIPS_NOTE


def _syncnet_file(syncnet: SyncNet) -> str:
    return f"{syncnet.file.name} {sha256_of(syncnet.file)}" if syncnet.file else "given"
